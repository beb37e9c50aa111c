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

TEST(AssemblerFilesTest, OrdinaryCodeIsNot) {
  for (const char* text : {"", ".text\n.globl f\nf: ret", ".section .rodata.incbin,\"a\",@progbits",
                           ".ascii \"text\"", ".rept 3\nnop\n.endr", "include_me: nop"}) {
    EXPECT_EQ(in_module(text), std::nullopt) << text;
  }
  for (const char* text :
       {"movl $1, $0", "$(movl $1, $0$|mov $0, $1$)", "1:\n\tlock; cmpxchg $2, $1\n\tjne 1b",
        ".Ltmp${:uid}:\n\tnop", "movl $$5, $0", ".long $0", "bswap $0"}) {
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
