// Programs whose assembler code reads files of the machine that compiles them.
#include "sessions/llvm/benchmarks/assembler_files.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using ::testing::Eq;
using ::testing::HasSubstr;
using ::testing::Optional;

std::optional<std::string> in_module(std::string_view text) {
  return find_file_directive(text, /*is_template=*/false);
}
std::optional<std::string> in_function(std::string_view text) {
  return find_file_directive(text, /*is_template=*/true);
}

TEST(AssemblerFilesTest, FileDirectivesAreFound) {
  EXPECT_THAT(in_module(".section .x\n.incbin \"/etc/hostname\"\n"), Optional(Eq(".incbin")));
  EXPECT_THAT(in_module("nop; .include \"x\""), Optional(Eq(".include")));
  EXPECT_THAT(in_module("label: .INCBIN \"x\""), Optional(Eq(".incbin")))
      << "directives are not case-sensitive";
  EXPECT_THAT(in_module("/* a\n comment */.incbin \"x\""), Optional(Eq(".incbin")));
  EXPECT_THAT(in_function("nop\n\t.incbin \"$0\""), Optional(Eq(".incbin")));
}

TEST(AssemblerFilesTest, WhatCouldPutOneTogetherIsFound) {
  EXPECT_THAT(in_module(".macro m a b\n\\a\\b \"/etc/x\"\n.endm\nm .inc bin"),
              Optional(Eq(".macro")));
  EXPECT_THAT(in_module(".irp x, bin\n.inc\\x \"/etc/x\"\n.endr"), Optional(Eq(".irp")));
  EXPECT_THAT(in_function("$0 \"/etc/x\""), Optional(Eq("$")));
  EXPECT_THAT(in_function(".inc${0:c} \"/etc/x\""), Optional(Eq(".inc$")));
  EXPECT_THAT(in_function("nop\n.$(inc$|x$)bin \"x\""), Optional(Eq(".incbin")))
      << "the first of the assembler's dialects";
  EXPECT_THAT(in_function("label: ${0:P} \"/etc/x\""), Optional(Eq("$")));
}

struct WayAround {
  const char* description;
  const char* text;
  const char* found;
};

TEST(AssemblerFilesTest, WaysAroundInAFunctionAreFound) {
  for (const WayAround& way : {
           WayAround{"$| outside of a variant prints a sign", "# $|\n.incbin \"f\"", ".incbin"},
           WayAround{"Intel's variant", "$(nop$|.incbin \"f\"$)", ".incbin"},
           WayAround{"in Intel's dialect $$ prints nothing", ".inc$$bin \"f\"", ".incbin"},
           WayAround{"skipped variants have lines", "nop $(#$|\n$)${0:c} \"f\"", "$"},
           WayAround{"operands of two digits", ".inc$10bin \"f\"", ".inc$bin"},
           WayAround{"a quoted directive", "\"${0:c}\" \"f\"", "$"},
           WayAround{"a part of one", "\".inc${0:c}\" \"f\"", ".inc$"},
           WayAround{"a macro", ".macr${0:c} m a\n.inc\\a \"f\"", ".macr$"},
           WayAround{"after a comment", "/* c */ ${0:c} \"f\"", "$"},
           WayAround{"after one that looks like two", "/* c /*/ ${0:c} \"f\"", "$"},
           WayAround{"after one that looks like none", "/*/ c */ ${0:c} \"f\"", "$"},
           WayAround{"after a prefix", "cs ${0:c} \"f\"", "$"},
           WayAround{"after a directive", ".att_syntax prefix ${0:c} \"f\"", "$"},
           WayAround{"what another leaves unread", ".symver a,b@c ${0:c} \"f\"", "$"},
           WayAround{"what it leaves unread", ".code64 nop ${0:c} \"f\"", "$"},
       }) {
    EXPECT_THAT(in_function(way.text), Optional(Eq(way.found))) << way.description;
  }
}

TEST(AssemblerFilesTest, WaysAroundInAModuleAreFound) {
  for (const char* text :
       {"# /*\n.incbin \"f\"\n# */", ".ascii \"/*\"\n.incbin \"f\"\n.ascii \"*/\"",
        "/* c */ .incbin \"f\"", "\".incbin\" \"f\"", "lock .incbin \"f\""}) {
    EXPECT_THAT(in_module(text), Optional(Eq(".incbin"))) << text;
  }
}

// A symbol that needs quotes is printed with them, and so ends a string that it is put into.
TEST(AssemblerFilesTest, ANameThatEndsAStringIsFound) {
  const auto with_global = [](const std::string& name, const std::string& constraints) {
    return parse_module(assemble("@\"" + name +
                                 "\" = global i8 0\ndefine void @f() {\n call void asm sideeffect "
                                 "\".ascii \\22${0:c}f\\22\", \"" +
                                 constraints + "\"(ptr @\"" + name + "\")\n ret void\n}"));
  };
  EXPECT_THAT(find_assembler_file_directive(*with_global("; .incbin ", "i")),
              Optional(HasSubstr("; .incbin ")));
  EXPECT_THAT(find_assembler_file_directive(*with_global("*/ x", "i")), Optional(HasSubstr("*/")));
  EXPECT_EQ(find_assembler_file_directive(*with_global("-[Class method:]", "i")), std::nullopt);
  EXPECT_EQ(find_assembler_file_directive(*parse_module(assemble("@\"a;b\" = global i8 0"))),
            std::nullopt)
      << "nothing is put into";
}

TEST(AssemblerFilesTest, OrdinaryCodeIsNot) {
  for (const char* text : {"", ".text\n.globl f\nf: ret", ".section .rodata.incbin,\"a\",@progbits",
                           ".ascii \"text\"", ".rept 3\nnop\n.endr", "include_me: nop"}) {
    EXPECT_EQ(in_module(text), std::nullopt) << text;
  }
  for (const char* text :
       {"movl $1, $0", "$(movl $1, $0$|mov $0, $1$)", "1:\n\tlock; cmpxchg $2, $1\n\tjne 1b",
        ".Ltmp${:uid}:\n\tnop", "movl $$5, $0", ".long $0", "bswap $0", "$0 = *(u64 *)($1 + 0)",
        "$0 += $1", "$0=$1", "lock cmpxchg $2, $1", "rep movsb", ".cfi_def_cfa_offset $0",
        ".pushsection .note, \"a\"\n.quad $0\n.popsection", "\n.ascii \"->SIZE $0 x\"",
        "/* c */ nop $0", ".Lx${:uid} : nop", "jmp ${0:l}"}) {
    EXPECT_EQ(in_function(text), std::nullopt) << text;
  }
}

std::string with_module_assembler() {
  return assemble("module asm \".incbin \\22/etc/hostname\\22\"\ndefine void @f() { ret void }");
}

std::string with_inline_assembler() {
  return assemble(
      "define void @f() {\n call void asm sideeffect \".incbin \\22/etc/hostname\\22\", \"\"()\n"
      " ret void\n}");
}

class AssemblerFilesSessionTest : public LlvmFixture {};

TEST_F(AssemblerFilesSessionTest, AreRefusedByDirectiveAndBenchmark) {
  for (const std::string& bitcode : {with_module_assembler(), with_inline_assembler()}) {
    const grpc::Status status = start_error(make_benchmark("benchmark://peek", bitcode));
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
    EXPECT_THAT(status.error_message(), HasSubstr("\"benchmark://peek\""));
    EXPECT_THAT(status.error_message(), HasSubstr(".incbin"));
    EXPECT_THAT(status.error_message(), HasSubstr("--allow_assembler_files"));
  }
}

class AllowedAssemblerFilesTest : public LlvmFixture {
 protected:
  AllowedAssemblerFilesTest() : LlvmFixture({.allow_assembler_files = true}) {}
};

TEST_F(AllowedAssemblerFilesTest, AreTakenWhereTheServiceAllowsThem) {
  for (const std::string& bitcode : {with_module_assembler(), with_inline_assembler()}) {
    EXPECT_NE(start(make_benchmark("benchmark://peek", bitcode)), nullptr);
  }
}

}  // namespace
}  // namespace compiler_gym
