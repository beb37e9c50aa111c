#include "sessions/llvm/run/program_validator.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Constants.h>
#include <llvm/IR/InstIterator.h>
#include <llvm/IR/InstrTypes.h>
#include <llvm/IR/Instructions.h>
#include <llvm/IR/Module.h>

#include <boost/filesystem/operations.hpp>
#include <stdexcept>
#include <stop_token>
#include <string>

#include "tests/llvm/validator_fixture.h"

namespace compiler_gym {
namespace {

std::string hanging() {
  return program("br label %again\nagain:\n br label %again");
}

// What an optimiser with a bug might make of it: the first factor that is a constant is another.
std::string miscompiled(const std::string& bitcode) {
  const IrModule module = parse_module(bitcode);
  for (llvm::Function& function : *module) {
    for (llvm::Instruction& instruction : llvm::instructions(function)) {
      auto* factor = instruction.getOpcode() == llvm::Instruction::Mul
                         ? llvm::dyn_cast<llvm::ConstantInt>(instruction.getOperand(1))
                         : nullptr;
      if (factor != nullptr) {
        instruction.setOperand(1,
                               llvm::ConstantInt::get(factor->getType(), factor->getValue() + 2));
        return write_bitcode(*module);
      }
    }
  }
  throw std::runtime_error("no multiplication by a constant");
}

class ProgramValidatorTest : public ValidatorFixture {
 protected:
  // How two programs compare that both print 1 when the run command says what else there is.
  Validation validate_run(const std::string& run_command) {
    config_.mutable_run_cmd()->set_argument(0, run_command);
    return validate(printing(1), printing(1));
  }
};

class DemoProgramValidationTest : public ProgramValidatorTest,
                                  public ::testing::WithParamInterface<const char*> {};

TEST_P(DemoProgramValidationTest, ACorrectOptimisationIsValidated) {
  const std::string before = demo_program(GetParam());
  ProgramValidator validator(config_, before, clang_, scratch_.path());
  for (const char* pipeline : {"default<Oz>", "function(mem2reg),function(gvn)"}) {
    const Validation validation =
        validator.validate(optimised(before, pipeline), std::stop_token());
    EXPECT_EQ(validation.verdict, Verdict::kValidated) << pipeline << ": " << validation.reason;
    EXPECT_EQ(validation.reason, "");
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, DemoProgramValidationTest,
                         ::testing::Values("bytecode", "calculator", "compress", "hash_table",
                                           "matrix", "regex", "shortest_path", "sort",
                                           "string_search"),
                         [](const auto& instance) { return std::string(instance.param); });

// Those that print something which depends on the constant.
using MiscompiledProgramTest = DemoProgramValidationTest;

TEST_P(MiscompiledProgramTest, AChangedConstantIsFound) {
  const std::string before = demo_program(GetParam());
  const Validation validation = validate(before, miscompiled(optimised(before, "default<O1>")));
  EXPECT_TRUE(validation.verdict == Verdict::kWrongOutput ||
              validation.verdict == Verdict::kCrashed || validation.verdict == Verdict::kTimedOut)
      << to_string(validation.verdict);
  EXPECT_NE(validation.reason, "");
}

INSTANTIATE_TEST_SUITE_P(Programs, MiscompiledProgramTest,
                         ::testing::Values("bytecode", "compress", "hash_table", "matrix", "regex",
                                           "sort", "string_search"),
                         [](const auto& instance) { return std::string(instance.param); });

TEST_F(ProgramValidatorTest, WrongOutputIsShown) {
  expect(validate(printing(42), printing(43)), Verdict::kWrongOutput,
         "stdout differs in line 1: \"43\" instead of \"42\"");
}

TEST_F(ProgramValidatorTest, OutputThatStopsEarlyIsWrong) {
  const std::string twice =
      program("call void @print(i32 1)\n call void @print(i32 2)\n ret i32 0");
  expect(validate(twice, printing(1)), Verdict::kWrongOutput,
         "stdout differs in line 2: \"\" instead of \"2\"");
  expect(validate(printing(1), twice), Verdict::kWrongOutput,
         "stdout differs in line 2: \"2\" instead of \"\"");
}

TEST_F(ProgramValidatorTest, AnotherExitStatusIsWrongAndTheSameIsNot) {
  expect(validate(program("ret i32 0"), program("ret i32 3")), Verdict::kWrongOutput,
         "exit status is 3 instead of 0");
  EXPECT_EQ(validate(program("ret i32 3"), program("ret i32 3")).verdict, Verdict::kValidated);
}

TEST_F(ProgramValidatorTest, StderrCounts) {
  config_.mutable_run_cmd()->set_argument(0, "./program >&2");
  expect(validate(printing(1), printing(2)), Verdict::kWrongOutput, "stderr differs in line 1");
}

TEST_F(ProgramValidatorTest, FilesThatTheProgramMakesCount) {
  config_.mutable_run_cmd()->set_argument(0, "./program >result");
  EXPECT_EQ(validate(printing(1), printing(2)).verdict, Verdict::kValidated);
  config_.mutable_run_cmd()->add_outfile("result");
  expect(validate(printing(1), printing(2)), Verdict::kWrongOutput,
         "file 'result' differs in line 1: \"2\" instead of \"1\"");
  config_.mutable_run_cmd()->set_argument(0, "test $(./program) = 1 && touch result");
  expect(validate(printing(1), printing(2)), Verdict::kWrongOutput,
         "did not produce expected file: result");
}

TEST_F(ProgramValidatorTest, WhatIsNoFileThatCanBeReadIsNotWaitedFor) {
  config_.mutable_run_cmd()->add_outfile("result");
  for (const char* make : {"mkdir result", "mkfifo result", "ln -s /dev/zero result"}) {
    config_.mutable_run_cmd()->set_argument(
        0, std::string("if test $(./program) = 1; then touch result; else ") + make + "; fi");
    expect(validate(printing(1), printing(2)), Verdict::kWrongOutput,
           "made of 'result' something that can't be read as a file");
  }
}

TEST_F(ProgramValidatorTest, AFileHasABoundAsOutputHas) {
  config_.mutable_run_cmd()->add_outfile("result");
  config_.mutable_run_cmd()->set_argument(0, "truncate -s $(./program)M result");
  EXPECT_EQ(validate(printing(16), printing(16)).verdict, Verdict::kValidated);
  expect(validate(printing(16), printing(17)), Verdict::kWrongOutput,
         "writes more than 16777216 bytes to 'result'");
}

TEST_F(ProgramValidatorTest, ACrashIsFound) {
  expect(validate(printing(1), program("call void @abort()\n unreachable")), Verdict::kCrashed,
         "'./program' was killed by signal 6");
}

TEST_F(ProgramValidatorTest, AProgramThatHangsIsKilledAndFound) {
  config_.mutable_run_cmd()->set_timeout_seconds(1);
  expect(validate(printing(1), hanging()), Verdict::kTimedOut, "'./program' ran into its timeout");
}

TEST_F(ProgramValidatorTest, AProgramThatCannotBeBuiltIsFound) {
  expect(validate(printing(1), program("call void @no_such_function()\n ret i32 0")),
         Verdict::kBuildFailed, "undefined reference to `no_such_function'");
}

TEST_F(ProgramValidatorTest, ProgramsThatDifferFromThemselvesAreNotBlamedOnTheOptimiser) {
  const std::string pid =
      program("%pid = call i32 @getpid()\n call void @print(i32 %pid)\n ret i32 0");
  expect(validate(pid, pid), Verdict::kNondeterministic, "before optimisation, stdout differs");
}

TEST_F(ProgramValidatorTest, NeitherAreProgramsThatSeldomDifferFromThemselves) {
  // The first three runs are equal, and so found to be before anything is compared with them.
  const std::string count = (scratch_.path() / "count").string();
  const std::string run = "./program; echo >>" + count + "; test $(wc -l <" + count + ") -lt 4";
  expect(validate_run(run), Verdict::kNondeterministic, "before optimisation, exit status is 1");
}

TEST_F(ProgramValidatorTest, ProgramsThatNeverWorkedAreNotBlamedOnTheOptimiser) {
  config_.mutable_run_cmd()->set_timeout_seconds(1);
  expect(validate(hanging(), printing(1)), Verdict::kUnusable,
         "before optimisation: './program' ran into its timeout");
  expect(validate(program("call void @abort()\n unreachable"), printing(1)), Verdict::kUnusable,
         "before optimisation: './program' was killed by signal 6");
  expect(validate("not bitcode", printing(1)), Verdict::kUnusable, "before optimisation: Command");
  config_.clear_run_cmd();
  expect(validate(printing(1), printing(1)), Verdict::kUnusable, "no commands to build and to run");
}

TEST_F(ProgramValidatorTest, MoreOutputThanCanBeComparedIsNotTakenForEqual) {
  expect(validate_run("head -c 20000000 /dev/zero"), Verdict::kUnusable,
         "prints more than 16777216 bytes");
}

TEST_F(ProgramValidatorTest, CommandsBeforeAndAfterTheRunAreRun) {
  config_.add_pre_run_cmd()->add_argument("echo 1 >expected");
  config_.mutable_run_cmd()->set_argument(0, "./program >actual");
  config_.add_post_run_cmd()->add_argument("cmp expected actual");
  EXPECT_EQ(validate(printing(1), printing(1)).verdict, Verdict::kValidated);
  expect(validate(printing(1), printing(2)), Verdict::kWrongOutput,
         "Command 'cmp expected actual' failed with exit code 1");
}

TEST_F(ProgramValidatorTest, EachRunHasADirectoryOfItsOwnAndLeavesNone) {
  EXPECT_EQ(validate_run("./program && test ! -e left && touch left").verdict, Verdict::kValidated);
  EXPECT_TRUE(boost::filesystem::is_empty(scratch_.path()));
}

TEST_F(ProgramValidatorTest, AStopEndsIt) {
  config_.mutable_run_cmd()->set_timeout_seconds(600);
  ProgramValidator validator(config_, hanging(), clang_, scratch_.path());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(validator.validate(printing(1), stop.get_token()).verdict, Verdict::kNotChecked);
}

TEST_F(ProgramValidatorTest, WithoutADirectoryNothingIsChecked) {
  ProgramValidator validator(config_, printing(1), clang_, "/proc/no_directory_here");
  expect(validator.validate(printing(1), std::stop_token()), Verdict::kNotChecked,
         "Failed to make a scratch directory");
}

}  // namespace
}  // namespace compiler_gym
