#include "tools/search/program_commands.h"

#include <gtest/gtest.h>

namespace compiler_gym {
namespace {

const ProgramFile kSource{.name = "sort", .path = "programs/sort.c", .cflags = ""};
const ProgramFile kBitcode{.name = "sort", .path = "sort.bc", .is_source = false, .cflags = ""};

TEST(ProgramCommandsTest, GoFromTheSourceToTheObjectFile) {
  EXPECT_EQ(object_command(kSource, {"default<Oz>", "function(gvn)"}, {}, "sort.o"),
            "clang-19 -Oz -Xclang -disable-llvm-passes -emit-llvm -c -o - programs/sort.c | "
            "opt-19 -relocation-model=pic -passes='default<Oz>,invalidate<all>,function(gvn)' | "
            "clang-19 -Oz -Xclang -disable-llvm-passes -c -x ir -o sort.o -");
  EXPECT_EQ(object_command(kSource, {}, {}, "sort.o"),
            "clang-19 -Oz -Xclang -disable-llvm-passes -emit-llvm -c -o - programs/sort.c | "
            "clang-19 -Oz -Xclang -disable-llvm-passes -c -x ir -o sort.o -");
}

TEST(ProgramCommandsTest, GoFromBitcodeToTheObjectFile) {
  EXPECT_EQ(object_command(kBitcode, {"default<Oz>"}, {}, "sort.o"),
            "opt-19 -relocation-model=pic -passes='default<Oz>' sort.bc | "
            "clang-19 -Oz -Xclang -disable-llvm-passes -c -x ir -o sort.o -");
  EXPECT_EQ(object_command(kBitcode, {}, {}, "sort.o"),
            "clang-19 -Oz -Xclang -disable-llvm-passes -c -x ir -o sort.o sort.bc");
}

TEST(ProgramCommandsTest, LowerWhatTheCodeGeneratorCannotDo) {
  EXPECT_EQ(object_command(kBitcode, {"mergefunc"}, {.lowered = true}, "sort.o"),
            "opt-19 -relocation-model=pic -passes=mergefunc sort.bc | "
            "opt-19 -relocation-model=pic -passes='default<O0>' | "
            "clang-19 -Oz -Xclang -disable-llvm-passes -c -x ir -o sort.o -");
  EXPECT_EQ(object_command(kBitcode, {}, {.lowered = true}, "sort.o"),
            "opt-19 -relocation-model=pic -passes='default<O0>' sort.bc | "
            "clang-19 -Oz -Xclang -disable-llvm-passes -c -x ir -o sort.o -");
}

TEST(ProgramCommandsTest, RunAnOptForEachPass) {
  EXPECT_EQ(
      object_command(kBitcode, {"default<Oz>", "mergefunc"}, {.apart = true}, "sort.o"),
      "opt-19 -relocation-model=pic -preserve-bc-uselistorder -passes='default<Oz>' sort.bc | "
      "opt-19 -relocation-model=pic -passes=mergefunc | "
      "clang-19 -Oz -Xclang -disable-llvm-passes -c -x ir -o sort.o -");
}

TEST(ProgramCommandsTest, MakeBitcode) {
  EXPECT_EQ(bitcode_command(kBitcode, {"mergefunc"}, false, "out.bc"),
            "opt-19 -relocation-model=pic -passes=mergefunc sort.bc -o out.bc");
  EXPECT_EQ(bitcode_command(kSource, {"mergefunc"}, false, "out.bc"),
            "clang-19 -Oz -Xclang -disable-llvm-passes -emit-llvm -c -o - programs/sort.c | "
            "opt-19 -relocation-model=pic -passes=mergefunc -o out.bc");
  EXPECT_EQ(module_command(kSource, "out.bc"),
            "clang-19 -Oz -Xclang -disable-llvm-passes -emit-llvm -c -o out.bc programs/sort.c");
}

TEST(ProgramCommandsTest, OfTheBaselineAreWhatAUserTypes) {
  EXPECT_EQ(baseline_command(kSource, "sort.o"), "clang-19 -Oz -c -o sort.o programs/sort.c");
  EXPECT_EQ(baseline_command(kBitcode, "sort.o"), "clang-19 -Oz -x ir -c -o sort.o sort.bc");
}

TEST(ProgramCommandsTest, HaveTheFlagsOfTheProgram) {
  ProgramFile program = kSource;
  program.cflags = "-std=gnu89 -w";
  EXPECT_EQ(baseline_command(program, "sort.o"),
            "clang-19 -Oz -std=gnu89 -w -c -o sort.o programs/sort.c");
}

TEST(ProgramCommandsTest, QuoteWhatAShellWouldTakeApart) {
  EXPECT_EQ(shell_word("a/b-c_1.bc"), "a/b-c_1.bc");
  EXPECT_EQ(shell_word("two words"), "'two words'");
  EXPECT_EQ(shell_word("it's"), "'it'\\''s'");
  EXPECT_EQ(shell_word("$(rm x)"), "'$(rm x)'");
  EXPECT_EQ(shell_word(""), "''");
}

}  // namespace
}  // namespace compiler_gym
