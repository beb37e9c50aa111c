// A benchmark's baselines are computed once by all processes that share them.
#include "sessions/llvm/costs/baseline_costs.h"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>

namespace compiler_gym {
namespace {

/// Runs `function` in a forked process; its exit status, or minus its signal.
template <typename Function>
int in_another_process(Function function) {
  const pid_t child = fork();
  if (child == 0) {
    _exit(function());
  }
  int status = 0;
  waitpid(child, &status, 0);
  return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

TEST(BaselineCostsTest, WhatOneProcessHasComputedTheOthersKnow) {
  BaselineCosts costs;
  EXPECT_EQ(in_another_process([&] {
              return static_cast<int>(*costs.get(3, [] { return Result<std::int64_t>(42); }));
            }),
            42);
  bool computed = false;
  const auto compute = [&]() -> Result<std::int64_t> {
    computed = true;
    return 7;
  };
  EXPECT_EQ(*costs.get(3, compute), 42);
  EXPECT_FALSE(computed);
  EXPECT_EQ(*costs.get(4, compute), 7) << "each number is its own";
}

TEST(BaselineCostsTest, AFailureIsNotKept) {
  BaselineCosts costs;
  const auto fails = []() -> Result<std::int64_t> { return cancelled("later"); };
  EXPECT_FALSE(costs.get(0, fails).has_value());
  EXPECT_EQ(*costs.get(0, [] { return Result<std::int64_t>(1); }), 1);
}

TEST(BaselineCostsTest, AProcessThatDiesWhileItComputesHoldsUpNobody) {
  BaselineCosts costs;
  EXPECT_EQ(in_another_process([&] {
              const auto dies = []() -> Result<std::int64_t> {
                kill(getpid(), SIGKILL);
                return 1;
              };
              return static_cast<int>(costs.get(8, dies).has_value());
            }),
            -SIGKILL);
  EXPECT_EQ(*costs.get(8, [] { return Result<std::int64_t>(5); }), 5);
  EXPECT_EQ(*costs.get(8, [] { return Result<std::int64_t>(6); }), 5);
}

}  // namespace
}  // namespace compiler_gym
