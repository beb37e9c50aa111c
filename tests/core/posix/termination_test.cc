#include "core/posix/termination.h"

#include <gtest/gtest.h>
#include <unistd.h>

#include <csignal>
#include <future>
#include <utility>

#include "tests/support/another_process.h"

namespace compiler_gym {
namespace {

using testing::in_another_process;
using namespace std::chrono_literals;
using Step = TerminationSchedule::Step;

// ------------------------------------------------------------------------------------ the schedule

class TerminationScheduleTest : public ::testing::Test {
 protected:
  const Clock::time_point start_ = Clock::time_point() + 1h;
  TerminationSchedule schedule_{20s, 2s, 5s};
};

TEST_F(TerminationScheduleTest, NothingHappensUnasked) {
  EXPECT_EQ(schedule_.next(), Clock::time_point::max());
  EXPECT_EQ(schedule_.on_time(start_ + 1000h), Step::kWait);
}

TEST_F(TerminationScheduleTest, WhatHangsIsLeftBehindAndThenForced) {
  EXPECT_EQ(schedule_.on_request(start_), 20s);
  EXPECT_EQ(schedule_.next(), start_ + 22s);
  EXPECT_EQ(schedule_.on_time(start_ + 22s - 1ns), Step::kWait);
  EXPECT_EQ(schedule_.on_time(start_ + 22s), Step::kAbandon);
  EXPECT_EQ(schedule_.next(), start_ + 25s);
  EXPECT_EQ(schedule_.on_time(start_ + 25s - 1ns), Step::kWait) << "abandoned once";
  EXPECT_EQ(schedule_.on_time(start_ + 25s), Step::kForce);
}

TEST_F(TerminationScheduleTest, ASecondWishEndsTheGracePeriod) {
  schedule_.on_request(start_);
  EXPECT_EQ(schedule_.on_request(start_ + 1s), 0s);
  EXPECT_EQ(schedule_.next(), start_ + 3s);
}

TEST_F(TerminationScheduleTest, FurtherWishesDoNotPutTheEndOff) {
  schedule_.on_request(start_);
  schedule_.on_request(start_ + 1s);
  for (int i = 0; i < 100; ++i) {
    EXPECT_EQ(schedule_.on_request(start_ + 2s), 0s);
  }
  EXPECT_EQ(schedule_.on_time(start_ + 3s), Step::kAbandon);
  schedule_.on_request(start_ + 4s);
  EXPECT_EQ(schedule_.on_time(start_ + 6s), Step::kForce);
}

TEST_F(TerminationScheduleTest, AThreadThatSleptTooLongForcesAtOnce) {
  schedule_.on_request(start_);
  EXPECT_EQ(schedule_.on_time(start_ + 1h), Step::kForce);
}

TEST_F(TerminationScheduleTest, WhatHasFinishedHasItsGraceBehindIt) {
  schedule_.on_request(start_);
  schedule_.on_finished(start_ + 1s);
  EXPECT_EQ(schedule_.on_time(start_ + 3s), Step::kAbandon);
  EXPECT_EQ(schedule_.on_time(start_ + 6s), Step::kForce);
}

TEST_F(TerminationScheduleTest, FinishingIsAnEndThatNobodyHadToAskFor) {
  schedule_.on_finished(start_);
  EXPECT_EQ(schedule_.next(), start_ + 2s);
}

// -------------------------------------------------------------------------------------- the thread

constexpr int kForced = 42;

TerminationOptions options() {
  return {.grace = 1h, .forced_exit_status = kForced, .on_request = [](int, Clock::duration) {}};
}

TEST(TerminationTest, HearsASignalThatTheProcessGets) {
  EXPECT_EQ(in_another_process([] {
              if (!block_termination_signals().ok()) {
                return 1;
              }
              std::promise<std::pair<int, Clock::duration>> heard;
              TerminationOptions with = options();
              with.on_request = [&](int signal, Clock::duration grace) {
                heard.set_value({signal, grace});
              };
              const auto termination = Termination::start(with);
              kill(getpid(), SIGTERM);
              const auto expected = std::pair<int, Clock::duration>(SIGTERM, 1h);
              return termination && heard.get_future().get() == expected ? 0 : 1;
            }),
            0);
}

TEST(TerminationTest, ASignalDuringTheLastMomentsChangesNothing) {
  EXPECT_EQ(in_another_process([] {
              if (!block_termination_signals().ok()) {
                return 1;
              }
              {
                const auto termination = Termination::start(options());
              }
              kill(getpid(), SIGTERM);
              kill(getpid(), SIGINT);
              return 7;
            }),
            7);
}

TEST(TerminationTest, WhatHasFinishedEndsWithItsStatusThoughItsEndHangs) {
  EXPECT_EQ(in_another_process([] {
              if (!block_termination_signals().ok()) {
                return 1;
              }
              TerminationOptions with = options();
              with.abandon_after = 0ms;
              with.force_after = 1ms;
              const auto termination = Termination::start(with);
              (*termination)->finished(6);
              std::promise<void>().get_future().wait();
              return 0;
            }),
            6);
}

TEST(TerminationTest, ForcesAProcessWhoseOtherThreadsHang) {
  EXPECT_EQ(in_another_process([] {
              if (!block_termination_signals().ok()) {
                return 1;
              }
              std::promise<void> never;
              std::promise<void> abandoned;
              TerminationOptions with = options();
              with.grace = 0ms;
              with.abandon_after = 0ms;
              with.force_after = 1ms;
              with.on_abandon = [&] { abandoned.set_value(); };
              const auto termination = Termination::start(with);
              kill(getpid(), SIGTERM);
              never.get_future().wait();
              return 0;
            }),
            kForced);
}

TEST(TerminationTest, ForceEndsTheProcessAfterWhatHasToBeDoneLast) {
  EXPECT_EQ(in_another_process([] {
              int ends[2];
              if (pipe(ends) != 0) {
                return 1;
              }
              TerminationOptions with = options();
              with.on_force = [&] { _exit(write(ends[1], "x", 1) == 1 ? 9 : 8); };
              const auto termination = Termination::start(with);
              (*termination)->force();
              std::promise<void>().get_future().wait();
              return 0;
            }),
            9);
}

TEST(TerminationTest, AWishOfTheProcessItselfIsLikeASignal) {
  std::promise<int> heard;
  TerminationOptions with = options();
  with.on_request = [&](int signal, Clock::duration) { heard.set_value(signal); };
  const auto termination = Termination::start(with);
  ASSERT_TRUE(termination);
  (*termination)->request();
  EXPECT_EQ(heard.get_future().get(), 0);
}

}  // namespace
}  // namespace compiler_gym
