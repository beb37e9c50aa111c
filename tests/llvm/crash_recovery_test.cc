#include "sessions/llvm/ir/crash_recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/Support/ErrorHandling.h>

#include <atomic>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <new>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <vector>

#include "tests/support/sanitized.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::Optional;

class CrashRecoveryTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { enable_crash_recovery(); }
};

// Recurses deeper than any stack is; in a way that no compiler turns into a loop.
int recurse(volatile int* depth, int limit) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(*depth);
  *depth = *depth + 1;
  return *depth == limit ? 0 : recurse(depth, limit) + frame[0];
}

TEST_F(CrashRecoveryTest, NothingIsReportedOfWhatComesBack) {
  int ran = 0;
  EXPECT_EQ(run_recovering([&] { ++ran; }), std::nullopt);
  EXPECT_EQ(ran, 1);
}

// One signal a test, and so a process: under ThreadSanitizer the others are blocked after the first.
class CrashSignalTest : public CrashRecoveryTest, public ::testing::WithParamInterface<int> {};

TEST_P(CrashSignalTest, IsSurvived) {
  EXPECT_THAT(run_recovering([] { std::raise(GetParam()); }),
              Optional(HasSubstr("signal " + std::to_string(GetParam()))));
}

INSTANTIATE_TEST_SUITE_P(Signals, CrashSignalTest,
                         ::testing::Values(SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGTRAP),
                         [](const auto& instance) { return sigabbrev_np(instance.param); });

TEST_F(CrashRecoveryTest, SurvivesAbort) {
  EXPECT_THAT(run_recovering([] { std::abort(); }), Optional(HasSubstr("signal 6")));
}

TEST_F(CrashRecoveryTest, SurvivesAFatalErrorAndKeepsItsText) {
  EXPECT_EQ(run_recovering([] { llvm::report_fatal_error("cannot select this"); }),
            "LLVM ERROR: cannot select this");
  EXPECT_EQ(
      run_recovering([] { llvm::report_fatal_error("a user's error", /*gen_crash_diag=*/false); }),
      "LLVM ERROR: a user's error");
  // The text of one is not that of the next.
  EXPECT_THAT(run_recovering([] { std::raise(SIGSEGV); }), Optional(HasSubstr("signal 11")));
}

TEST_F(CrashRecoveryTest, SurvivesStackOverflowOnAnyThread) {
  std::thread([] {
    for (int i = 0; i < 3; ++i) {
      volatile int depth = 0;
      EXPECT_THAT(run_recovering([&] { recurse(&depth, 10'000'000); }),
                  Optional(HasSubstr("signal")));
      EXPECT_GT(depth, 100);
    }
  }).join();
}

TEST_F(CrashRecoveryTest, AnExceptionCountsAsACrash) {
  EXPECT_THAT(run_recovering([] { throw std::runtime_error("thrown inside"); }),
              Optional(HasSubstr("thrown inside")));
}

TEST_F(CrashRecoveryTest, InnermostCallSeesTheCrash) {
  std::optional<std::string> inner;
  EXPECT_EQ(run_recovering([&] { inner = run_recovering([] { std::raise(SIGSEGV); }); }),
            std::nullopt);
  EXPECT_THAT(inner, Optional(HasSubstr("signal 11")));
}

TEST_F(CrashRecoveryTest, TheTextOfACallInsideIsNotThatOfTheOneAroundIt) {
  std::optional<std::string> inner;
  const std::optional<std::string> outer = run_recovering([&] {
    inner = run_recovering([] { llvm::report_fatal_error("inside"); });
    std::raise(SIGSEGV);
  });
  EXPECT_EQ(inner, "LLVM ERROR: inside");
  EXPECT_THAT(outer, Optional(HasSubstr("signal 11")));
}

TEST_F(CrashRecoveryTest, TellsAWantOfMemoryFromOtherCrashes) {
  EXPECT_EQ(run_recovering([] { llvm::report_bad_alloc_error("Allocation failed"); }),
            "LLVM ERROR: Allocation failed");
  EXPECT_TRUE(last_crash_was_out_of_memory());
  EXPECT_TRUE(run_recovering([] { std::raise(SIGSEGV); }).has_value());
  EXPECT_FALSE(last_crash_was_out_of_memory());
  EXPECT_TRUE(run_recovering([] { throw std::bad_alloc(); }).has_value());
  EXPECT_TRUE(last_crash_was_out_of_memory());
  EXPECT_TRUE(run_recovering([] { throw std::runtime_error("other"); }).has_value());
  EXPECT_FALSE(last_crash_was_out_of_memory());
}

TEST_F(CrashRecoveryTest, ThreadsCrashIndependently) {
  std::atomic<int> crashed = 0;
  std::vector<std::jthread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&crashed] {
      for (int j = 0; j < 20; ++j) {
        crashed += static_cast<int>(run_recovering([] { std::raise(SIGSEGV); }).has_value());
        crashed += static_cast<int>(run_recovering([] {}).has_value());
      }
    });
  }
  threads.clear();
  EXPECT_EQ(crashed, 8 * 20);
}

using CrashRecoveryDeathTest = CrashRecoveryTest;

// Of the signal; a sanitizer reports it first, and makes an exit status of it.
bool died_of_segmentation_fault(int status) {
  return testing::kSanitized ? WIFEXITED(status) && WEXITSTATUS(status) != 0
                             : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV;
}

TEST_F(CrashRecoveryDeathTest, ACrashOutsideEndsTheProcess) {
  EXPECT_EXIT(
      {
        enable_crash_recovery();
        std::raise(SIGSEGV);
      },
      died_of_segmentation_fault, "");
}

}  // namespace
}  // namespace compiler_gym
