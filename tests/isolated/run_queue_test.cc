// Who may run when no more than a few may, without a process or a clock.
#include "sessions/isolated/run_queue.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <optional>

namespace compiler_gym::isolated {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Kind = RunTicket::Kind;

constexpr auto kPatience = 50ms;
const Clock::time_point kStart{};

constexpr ClientId kOther{2};

/// The first to enter is 1, the next one 2, and so on.
class RunQueueTest : public ::testing::Test {
 protected:
  bool enter(Clock::duration at = 0ms) { return queue_.enter({}, kStart + at).may_run; }
  bool enter_start(Clock::duration at = 0ms) {
    return queue_.enter({.kind = Kind::kStart}, kStart + at).may_run;
  }
  auto finish(RunQueue::Number number, Clock::duration at = 0ms) {
    return queue_.finish(number, kStart + at);
  }
  auto check(Clock::duration at) { return queue_.check(kStart + at); }

  RunQueue queue_{2, kPatience};
};

TEST_F(RunQueueTest, AsManyRunAsMayAndTheOthersWaitFirstComeFirstServed) {
  EXPECT_TRUE(enter());
  EXPECT_TRUE(enter());
  EXPECT_FALSE(enter());
  EXPECT_FALSE(enter());
  EXPECT_THAT(finish(2), ElementsAre(3));
  EXPECT_THAT(finish(1), ElementsAre(4));
  EXPECT_THAT(finish(3), IsEmpty());
  EXPECT_TRUE(enter()) << "4 alone runs";
}

TEST_F(RunQueueTest, WhoDoesNotWaitRunsIfThereIsRoom) {
  enter();
  EXPECT_EQ(queue_.try_enter({}, kStart), 2U);
  EXPECT_EQ(queue_.try_enter({}, kStart), std::nullopt);
  EXPECT_THAT(finish(1), IsEmpty()) << "nobody waits";
  EXPECT_EQ(queue_.try_enter({}, kStart), 3U);
}

TEST_F(RunQueueTest, WhoLeavesIsPassedOver) {
  enter();
  enter();
  enter();
  enter();
  EXPECT_TRUE(queue_.leave(3, {}));
  EXPECT_FALSE(queue_.leave(3, {})) << "it is gone";
  EXPECT_FALSE(queue_.leave(1, {})) << "it runs";
  EXPECT_THAT(finish(1), ElementsAre(4));
}

TEST_F(RunQueueTest, NobodyIsWatchedUnlessSomebodyWaits) {
  enter();
  enter();
  EXPECT_EQ(queue_.check_at(), Clock::time_point::max());
  EXPECT_THAT(check(1h), IsEmpty());
  enter();
  EXPECT_EQ(queue_.check_at(), kStart + kPatience);
  EXPECT_TRUE(queue_.leave(3, {}));
  EXPECT_EQ(queue_.check_at(), Clock::time_point::max());
}

TEST_F(RunQueueTest, WhoHasRunForTooLongDoesNotCountWhileOthersWait) {
  enter();
  enter(10ms);
  enter(10ms);
  enter(10ms);
  EXPECT_THAT(check(kPatience - 1ns), IsEmpty());
  EXPECT_THAT(check(kPatience), ElementsAre(3)) << "in place of 1";
  EXPECT_EQ(queue_.check_at(), kStart + 10ms + kPatience) << "then in place of 2";
  EXPECT_THAT(finish(1, kPatience), IsEmpty()) << "it gave its turn away already";
  EXPECT_THAT(finish(2, kPatience), ElementsAre(4));
}

TEST_F(RunQueueTest, TheMoreHangTheLongerTheOthersWait) {
  for (int i = 0; i < 6; ++i) {
    enter();
  }
  EXPECT_THAT(check(kPatience), ElementsAre(3));
  EXPECT_THAT(check(kPatience), ElementsAre(4)) << "1 and 2 hang: as many as may run";
  EXPECT_EQ(queue_.check_at(), kStart + kPatience + 2 * kPatience);
  EXPECT_THAT(finish(1, kPatience), IsEmpty());
  EXPECT_EQ(queue_.check_at(), kStart + kPatience + kPatience) << "one of them has ended";
}

TEST_F(RunQueueTest, ClientsTakeTurnsHoweverManyRequestsOneOfThemHas) {
  for (int i = 1; i <= 5; ++i) {
    enter();
  }
  EXPECT_FALSE(queue_.enter({.client = kOther}, kStart).may_run) << "it is 6";
  EXPECT_THAT(finish(1), ElementsAre(3));
  EXPECT_THAT(finish(2), ElementsAre(6)) << "before 4, which came before it";
  EXPECT_THAT(finish(3), ElementsAre(4));
}

// ------------------------------------------------------------------------------------------- starts

TEST_F(RunQueueTest, StartsHaveHalfOfThePlacesHoweverManyThereAre) {
  EXPECT_TRUE(enter_start());
  EXPECT_FALSE(enter_start()) << "though nobody else is there";
  EXPECT_TRUE(enter()) << "a step finds a place";
  EXPECT_FALSE(enter());
  EXPECT_THAT(finish(1), ElementsAre(4)) << "steps first";
  EXPECT_THAT(finish(3), ElementsAre(2)) << "and when none waits, the start";
}

TEST_F(RunQueueTest, OfAnOddNumberOfPlacesStartsHaveTheLargerHalf) {
  RunQueue one(1, kPatience);
  EXPECT_TRUE(one.enter({.kind = Kind::kStart}, kStart).may_run);
  RunQueue three(3, kPatience);
  EXPECT_TRUE(three.enter({.kind = Kind::kStart}, kStart).may_run);
  EXPECT_TRUE(three.enter({.kind = Kind::kStart}, kStart).may_run);
  EXPECT_FALSE(three.enter({.kind = Kind::kStart}, kStart).may_run);
}

TEST_F(RunQueueTest, AQuarterOfThePlacesIsForStartsHoweverManyStepsWait) {
  constexpr RunQueue::Number kFirstStart = 9;
  for (int i = 1; i <= 8; ++i) {
    enter();
  }
  EXPECT_FALSE(enter_start());
  EXPECT_FALSE(enter_start());
  EXPECT_THAT(finish(1), ElementsAre(3));
  EXPECT_THAT(finish(2), ElementsAre(4));
  EXPECT_THAT(finish(3), ElementsAre(5));
  EXPECT_THAT(finish(4), ElementsAre(kFirstStart)) << "three steps went before it";
  EXPECT_THAT(finish(5), ElementsAre(6)) << "the other start could not have had the place";
  EXPECT_THAT(finish(kFirstStart), ElementsAre(7)) << "it has to let three steps go as well";
  EXPECT_THAT(finish(6), ElementsAre(8));
}

TEST_F(RunQueueTest, AStartIsGivenMoreTimeThanAStep) {
  enter_start();
  enter();
  enter();
  EXPECT_THAT(check(kPatience), ElementsAre(3)) << "in place of 2, not of 1, which is as old";
  enter_start(kPatience);
  EXPECT_EQ(queue_.check_at(), kStart + 20 * kPatience) << "3 is not in its way";
  EXPECT_THAT(check(20 * kPatience), ElementsAre(4)) << "in place of 1";
}

TEST_F(RunQueueTest, AStartThatHangsIsNotInTheWayOfStepsForEver) {
  RunQueue one(1, kPatience);
  static_cast<void>(one.enter({.kind = Kind::kStart}, kStart));
  static_cast<void>(one.enter({}, kStart));
  EXPECT_EQ(one.check_at(), kStart + 20 * kPatience);
  EXPECT_THAT(one.check(one.check_at()), ElementsAre(2));
}

}  // namespace
}  // namespace compiler_gym::isolated
