// A benchmark's baselines are computed once by all processes that share them.
#include "sessions/llvm/costs/baseline_costs.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <atomic>
#include <boost/asio/post.hpp>
#include <csignal>
#include <string>

#include "core/worker_pool.h"
#include "tests/support/another_process.h"
#include "tests/support/latch.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

using testing::in_another_process;

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

TEST(BaselineCostsTest, AFailureThatIsTheProgramsIsKeptIfWanted) {
  BaselineCosts costs;
  constexpr auto kKept = BaselineCosts::Failures::kKept;
  const auto fails = []() -> Result<std::int64_t> { return invalid_argument("crashed"); };
  EXPECT_EQ(in_another_process([&] { return costs.get(0, kKept, fails).has_value() ? 1 : 0; }), 0);
  const auto works = [] { return Result<std::int64_t>(1); };
  const Result<std::int64_t> again = costs.get(0, kKept, works);
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(to_string(again.error()), "INVALID_ARGUMENT: crashed");
  // What may be over next time is not.
  const auto full = []() -> Result<std::int64_t> { return resource_exhausted("disk full"); };
  EXPECT_FALSE(costs.get(1, kKept, full).has_value());
  EXPECT_EQ(*costs.get(1, kKept, works), 1);
  // Nor what nobody wanted to have kept.
  EXPECT_FALSE(costs.get(2, fails).has_value());
  EXPECT_EQ(*costs.get(2, works), 1);
}

TEST(BaselineCostsTest, OfALongTextTheBeginningIsKept) {
  BaselineCosts costs;
  constexpr auto kKept = BaselineCosts::Failures::kKept;
  const std::string text(10'000, 'x');
  const Result<std::int64_t> first =
      costs.get(0, kKept, [&]() -> Result<std::int64_t> { return invalid_argument(text); });
  ASSERT_FALSE(first.has_value());
  const Result<std::int64_t> again = costs.get(0, kKept, [] { return Result<std::int64_t>(1); });
  ASSERT_FALSE(again.has_value());
  EXPECT_EQ(again.error().error_message(), first.error().error_message()) << "the same for all";
  EXPECT_GT(again.error().error_message().size(), 300U);
  EXPECT_TRUE(text.starts_with(again.error().error_message()));
}

TEST(BaselineCostsTest, WhoWaitsForANumberLeavesItsThreadToOthers) {
  BaselineCosts costs;
  testing::RecordingLogger logger;
  WorkerPool pool({.threads = 2}, logger);
  testing::Latch computing(1);
  testing::Latch others_ran(5);
  std::atomic<int> known{0};
  boost::asio::post(pool.executor(), [&] {
    const auto computes = [&]() -> Result<std::int64_t> {
      computing.arrive();
      others_ran.wait();
      return 42;
    };
    known += *costs.get(3, computes) == 42 ? 1 : 0;
  });
  computing.wait();
  for (int i = 0; i < 5; ++i) {
    boost::asio::post(pool.executor(), [&] {
      const auto fails = []() -> Result<std::int64_t> { return internal_error("not known"); };
      known += *costs.get(3, fails) == 42 ? 1 : 0;
    });
    boost::asio::post(pool.executor(), [&] { others_ran.arrive(); });
  }
  pool.join();
  EXPECT_EQ(known, 6);
  EXPECT_EQ(logger.text(), "") << "those that wait had all the threads";
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
