// Programs that are validated under a sanitizer.
#include <boost/filesystem/operations.hpp>
#include <fstream>
#include <stop_token>
#include <string>
#include <vector>

#include "sessions/llvm/run/sanitizer.h"
#include "sessions/llvm/sanitized_bitcode.h"
#include "tests/llvm/validator_fixture.h"

namespace compiler_gym {
namespace {

// Prints 1 like printing(1), after it has read behind the end of an array.
std::string reading_past_the_end() {
  return program(R"(
    %array = alloca [4 x i32]
    %past = getelementptr [4 x i32], ptr %array, i64 0, i64 4
    %ignored = load volatile i32, ptr %past
    call void @print(i32 1)
    ret i32 0)");
}

// Prints 1, after it has looked at what it has not written.
std::string branching_on_nothing() {
  return program(R"(
    %slot = alloca i32
    %value = load i32, ptr %slot
    %is_zero = icmp eq i32 %value, 0
    br i1 %is_zero, label %one, label %other
  one:
    br label %end
  other:
    br label %end
  end:
    call void @print(i32 1)
    ret i32 0)");
}

// Prints 1, after two threads have written to the same place.
std::string racing() {
  return program(R"(
    %thread = alloca i64
    %created = call i32 @pthread_create(ptr %thread, ptr null, ptr @write_shared, ptr null)
    store i32 2, ptr @shared
    %which = load i64, ptr %thread
    %joined = call i32 @pthread_join(i64 %which, ptr null)
    call void @print(i32 1)
    ret i32 0)",
                 R"(
    declare i32 @pthread_create(ptr, ptr, ptr, ptr)
    declare i32 @pthread_join(i64, ptr)
    @shared = global i32 0
    define ptr @write_shared(ptr %ignored) {
      store i32 1, ptr @shared
      ret ptr null
    })");
}

class SanitizedValidationTest : public ValidatorFixture {
 protected:
  Validation validate_sanitized(const std::string& before, const std::string& after,
                                Sanitizer sanitizer) {
    const auto marked = [sanitizer](const std::string& bitcode) {
      return value_of(sanitized_bitcode(bitcode, sanitizer, std::stop_token()));
    };
    ProgramValidator validator(config_, marked(before), clang_, scratch_.path(), nullptr,
                               sanitizer);
    return validator.validate(marked(after), std::stop_token());
  }
};

TEST_F(SanitizedValidationTest, SanitizersFindWhatTheOutputDoesNotShow) {
  struct Case {
    Sanitizer sanitizer;
    std::string faulty;
    std::string found;
  };
  const std::vector<Case> cases{
      {Sanitizer::kAddress, reading_past_the_end(), "AddressSanitizer: stack-buffer-overflow"},
      {Sanitizer::kMemory, branching_on_nothing(), "MemorySanitizer: use-of-uninitialized-value"},
      {Sanitizer::kThread, racing(), "ThreadSanitizer: data race"}};
  // The second as programs of Python are built, the third with passes that would be run otherwise.
  for (const char* flags : {"", "-O3 -Xclang -disable-llvm-passes ", "-O2 "}) {
    config_.mutable_build_cmd()->set_argument(0,
                                              std::string("$CC ") + flags + "$IN -o program -lm");
    for (const Case& each : cases) {
      EXPECT_EQ(validate(printing(1), each.faulty).verdict, Verdict::kValidated);
      expect(validate_sanitized(printing(1), each.faulty, each.sanitizer),
             Verdict::kSanitizerReport, "'./program' " + each.found);
    }
  }
}

TEST_F(SanitizedValidationTest, WhatIsRunBeforeIsLookedAtByTheSanitizerToo) {
  config_.add_pre_run_cmd()->add_argument("./program");
  expect(validate_sanitized(printing(1), reading_past_the_end(), Sanitizer::kAddress),
         Verdict::kSanitizerReport, "AddressSanitizer: stack-buffer-overflow");
}

TEST_F(SanitizedValidationTest, ASanitizerThatCannotWorkHasNotChecked) {
  config_.mutable_run_cmd()->set_argument(
      0, "echo \"FATAL: ThreadSanitizer: unexpected memory mapping 0x$$\" >&2; exit 66");
  expect(validate_sanitized(printing(1), printing(1), Sanitizer::kThread), Verdict::kNotChecked,
         "FATAL: ThreadSanitizer: unexpected memory mapping 0x");
}

TEST_F(SanitizedValidationTest, ASanitizerDoesNotHideWhatTheOutputShows) {
  expect(validate_sanitized(printing(42), printing(43), Sanitizer::kAddress), Verdict::kWrongOutput,
         "stdout differs in line 1: \"43\" instead of \"42\"");
}

TEST_F(SanitizedValidationTest, ProgramsThatASanitizerComplainsOfAnywayAreNotBlamedOnTheOptimiser) {
  expect(validate_sanitized(reading_past_the_end(), printing(1), Sanitizer::kAddress),
         Verdict::kUnusable,
         "before optimisation: './program' AddressSanitizer: stack-buffer-overflow");
}

TEST_F(SanitizedValidationTest, WithoutTheLibraryOfASanitizerNothingIsChecked) {
  const boost::filesystem::path without_library = scratch_.path() / "clang";
  std::ofstream(without_library.string())
      << "#!/bin/sh\ncase $1 in -fsanitize=*) echo no library >&2; exit 1;; esac\nexec " << clang_
      << " \"$@\"\n";
  boost::filesystem::permissions(without_library, boost::filesystem::owner_all);
  clang_ = without_library.string();
  EXPECT_EQ(validate(printing(1), printing(1)).verdict, Verdict::kValidated);
  expect(validate_sanitized(printing(1), printing(1), Sanitizer::kAddress), Verdict::kNotChecked,
         "no library");
}

TEST_F(SanitizedValidationTest, ProgramsThatCannotBeBuiltAreNotBlamedOnTheSanitizer) {
  const std::string unbuildable = program("call void @no_such_function()\n ret i32 0");
  expect(validate_sanitized(unbuildable, printing(1), Sanitizer::kAddress), Verdict::kUnusable,
         "before optimisation: Command");
}

TEST_F(SanitizedValidationTest, TheBenchmarkCanSetTheOptionsOfASanitizer) {
  (*config_.mutable_run_cmd()->mutable_env())["ASAN_OPTIONS"] = "exitcode=7";
  config_.mutable_run_cmd()->set_argument(0, "test $ASAN_OPTIONS = exitcode=7 || kill $$");
  EXPECT_EQ(validate_sanitized(printing(1), printing(1), Sanitizer::kAddress).verdict,
            Verdict::kValidated);
  config_.mutable_run_cmd()->clear_env();
  config_.mutable_run_cmd()->set_argument(0, "test $ASAN_OPTIONS = detect_leaks=0 || kill $$");
  EXPECT_EQ(validate_sanitized(printing(1), printing(1), Sanitizer::kAddress).verdict,
            Verdict::kValidated);
}

class SanitizedDemoProgramTest : public SanitizedValidationTest,
                                 public ::testing::WithParamInterface<const char*> {};

TEST_P(SanitizedDemoProgramTest, ACorrectOptimisationIsValidated) {
  const std::string before = demo_program(GetParam());
  for (const Sanitizer sanitizer : {Sanitizer::kAddress, Sanitizer::kMemory, Sanitizer::kThread}) {
    const Validation validation =
        validate_sanitized(before, optimised(before, "default<Oz>"), sanitizer);
    EXPECT_EQ(validation.verdict, Verdict::kValidated)
        << facts_of(sanitizer).name << ": " << validation.reason;
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, SanitizedDemoProgramTest,
                         ::testing::Values("compress", "hash_table", "sort"),
                         [](const auto& instance) { return std::string(instance.param); });

}  // namespace
}  // namespace compiler_gym
