#include "core/lazy_timer.h"

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>

#include "tests/support/fake_clock.h"

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;
using testing::settle;

class LazyTimerTest : public ::testing::Test {
 protected:
  void set(Clock::duration from_start) {
    timer_.set(start_ + from_start, [this] {
      timer_.woken();
      ++woken_;
    });
  }
  void advance(Clock::duration time) {
    clock_.advance(time);
    settle(io_context_);
  }

  testing::FakeClock clock_;
  const Clock::time_point start_ = Clock::now();
  boost::asio::io_context io_context_;
  LazyTimer timer_{io_context_.get_executor()};
  int woken_ = 0;
};

TEST_F(LazyTimerTest, WakesAtItsTime) {
  set(5s);
  advance(5s - 1ns);
  EXPECT_EQ(woken_, 0);
  advance(1ns);
  EXPECT_EQ(woken_, 1);
}

TEST_F(LazyTimerTest, AnEarlierTimeTakesThePlaceOfALaterOne) {
  set(5s);
  set(2s);
  advance(2s);
  EXPECT_EQ(woken_, 1);
  advance(10s);
  EXPECT_EQ(woken_, 1) << "the later one is gone";
}

TEST_F(LazyTimerTest, ALaterTimeLeavesItAsItIs) {
  set(2s);
  set(5s);
  advance(2s);
  EXPECT_EQ(woken_, 1);
  set(5s);
  advance(3s);
  EXPECT_EQ(woken_, 2);
}

TEST_F(LazyTimerTest, TheEndOfTimeIsNever) {
  timer_.set(Clock::time_point::max(), [this] { ++woken_; });
  EXPECT_EQ(io_context_.run(), 0U);
  EXPECT_EQ(woken_, 0);
}

TEST_F(LazyTimerTest, CancelledItWakesNobody) {
  set(2s);
  timer_.cancel();
  advance(5s);
  EXPECT_EQ(woken_, 0);
}

}  // namespace
}  // namespace compiler_gym
