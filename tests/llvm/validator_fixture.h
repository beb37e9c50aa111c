// Programs that print a number, and what a validator says of two of them.
#pragma once

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <stop_token>
#include <string>

#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/run/clang_path.h"
#include "sessions/llvm/run/program_validator.h"
#include "sessions/llvm/run/scratch_directory.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {

/// A program by the body of its main(), in IR, where @print prints an i32; and by what else it has.
inline std::string program(const std::string& body, const std::string& besides = "") {
  return assemble(R"(
    target datalayout = "e-m:e-p270:32:32-p271:32:32-p272:64:64-i64:64-i128:128-f80:128-n8:16:32:64-S128"
    target triple = "x86_64-pc-linux-gnu"
    @format = private constant [4 x i8] c"%d\0A\00"
    declare i32 @printf(ptr, ...)
    declare i32 @getpid()
    declare void @abort()
    declare void @no_such_function()
    define void @print(i32 %number) {
      %ignored = call i32 (ptr, ...) @printf(ptr @format, i32 %number)
      ret void
    }
    define i32 @main() {
  )" + body + "\n}\n" +
                  besides);
}

inline std::string printing(int number) {
  return program("call void @print(i32 " + std::to_string(number) + ")\n ret i32 0");
}

/// A program of programs/.
inline std::string demo_program(const std::string& name) {
  return start_bitcode("demo_" + name);
}

inline std::string optimised(const std::string& bitcode, const char* pipeline) {
  const IrModule module = parse_module(bitcode);
  EXPECT_TRUE(value_of(run_pipeline(*module, nullptr, pipeline)));
  return write_bitcode(*module);
}

class ValidatorFixture : public ::testing::Test {
 protected:
  ValidatorFixture() {
    Command& build = *config_.mutable_build_cmd();
    build.add_argument("$CC $IN -o program -lm");
    build.add_outfile("program");
    config_.mutable_run_cmd()->add_argument("./program");
    config_.mutable_run_cmd()->set_timeout_seconds(60);
  }

  Validation validate(const std::string& before, const std::string& after) {
    ProgramValidator validator(config_, before, clang_, scratch_.path());
    return validator.validate(after, std::stop_token());
  }

  void expect(const Validation& validation, Verdict verdict, const std::string& reason) {
    EXPECT_EQ(to_string(validation.verdict), to_string(verdict)) << validation.reason;
    EXPECT_THAT(validation.reason, ::testing::HasSubstr(reason));
  }

  const ScratchDirectory scratch_ =
      value_of(ScratchDirectory::create(boost::filesystem::temp_directory_path()));
  std::string clang_ = value_of(ClangPath().get());
  BenchmarkDynamicConfig config_;
};

}  // namespace compiler_gym
