#include "core/support/clock.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <string>

#include "tests/support/fake_clock.h"

namespace compiler_gym {
namespace {

using std::chrono::nanoseconds;
using std::chrono::seconds;
using testing::FakeClock;
using testing::settle;

TEST(ClockTest, IsTheSteadyClockUnlessReplaced) {
  ASSERT_FALSE(Clock::is_replaced());
  const auto before = std::chrono::steady_clock::now();
  const auto now = Clock::now();
  EXPECT_LE(before, now);
  EXPECT_LE(now, std::chrono::steady_clock::now());
}

TEST(ClockTest, AFakeClockStandsStillUntilAdvanced) {
  FakeClock clock;
  const auto start = Clock::now();
  EXPECT_EQ(Clock::now(), start);
  clock.advance(seconds(3));
  EXPECT_EQ(Clock::now(), start + seconds(3));
}

TEST(ClockTest, TheRealClockComesBackAfterAFakeOne) {
  {
    FakeClock clock;
  }
  EXPECT_FALSE(Clock::is_replaced());
}

TEST(ClockWaitTraitsTest, TheEndsOfTimeAreNoOverflow) {
  EXPECT_EQ(ClockWaitTraits::to_wait_duration(Clock::time_point::min()), Clock::duration::zero());
  EXPECT_GT(ClockWaitTraits::to_wait_duration(Clock::time_point::max()), std::chrono::years(1));
}

class TimerTest : public ::testing::Test {
 protected:
  ~TimerTest() override { EXPECT_TRUE(io_context_.stopped()) << "the loop did not run dry"; }

  FakeClock clock_;
  boost::asio::io_context io_context_;
};

TEST_F(TimerTest, ExpiresWhenTheClockGetsThereAndNotBefore) {
  bool expired = false;
  Timer timer(io_context_, seconds(5));
  timer.async_wait([&](const boost::system::error_code& error) {
    EXPECT_FALSE(error);
    expired = true;
  });

  clock_.advance(seconds(5) - nanoseconds(1));
  settle(io_context_);
  EXPECT_FALSE(expired);

  clock_.advance(nanoseconds(1));
  settle(io_context_);
  EXPECT_TRUE(expired);
}

TEST_F(TimerTest, OnesDueTogetherExpireTogetherInOrder) {
  std::string order;
  Timer late(io_context_, seconds(2));
  Timer early(io_context_, seconds(1));
  late.async_wait([&](const boost::system::error_code&) { order += "late "; });
  early.async_wait([&](const boost::system::error_code&) { order += "early "; });

  clock_.advance(seconds(2));
  settle(io_context_);
  EXPECT_EQ(order, "early late ");
}

TEST_F(TimerTest, SettleAlsoRunsTimersThatHandlersArm) {
  bool second_expired = false;
  Timer first(io_context_, seconds(1));
  Timer second(io_context_);
  first.async_wait([&](const boost::system::error_code&) {
    second.expires_after(seconds(0));
    second.async_wait([&](const boost::system::error_code&) { second_expired = true; });
  });

  clock_.advance(seconds(1));
  settle(io_context_);
  EXPECT_TRUE(second_expired);
}

TEST_F(TimerTest, TheEndsOfTimeAreNoOverflow) {
  bool past_expired = false;
  bool future_expired = false;
  Timer past(io_context_, Clock::time_point::min());
  Timer future(io_context_, Clock::time_point::max());
  past.async_wait([&](const boost::system::error_code&) { past_expired = true; });
  future.async_wait([&](const boost::system::error_code&) { future_expired = true; });

  settle(io_context_);
  EXPECT_TRUE(past_expired);
  EXPECT_FALSE(future_expired);
  future.cancel();
  settle(io_context_);
}

TEST_F(TimerTest, CancellingCompletesWithOperationAborted) {
  boost::system::error_code result;
  Timer timer(io_context_, seconds(5));
  timer.async_wait([&](const boost::system::error_code& error) { result = error; });
  timer.cancel();
  settle(io_context_);
  EXPECT_EQ(result, boost::asio::error::operation_aborted);
}

}  // namespace
}  // namespace compiler_gym
