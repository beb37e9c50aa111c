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

constexpr auto kPatience = 50ms;
const Clock::time_point kStart{};

/// The first to enter is 1, the next one 2, and so on.
class RunQueueTest : public ::testing::Test {
 protected:
  bool enter(Clock::duration at = 0ms) { return queue_.enter(kStart + at).may_run; }
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
  EXPECT_EQ(queue_.try_enter(kStart), 2U);
  EXPECT_EQ(queue_.try_enter(kStart), std::nullopt);
  EXPECT_THAT(finish(1), IsEmpty()) << "nobody waits";
  EXPECT_EQ(queue_.try_enter(kStart), 3U);
}

TEST_F(RunQueueTest, WhoLeavesIsPassedOver) {
  enter();
  enter();
  enter();
  enter();
  EXPECT_TRUE(queue_.leave(3));
  EXPECT_FALSE(queue_.leave(3)) << "it is gone";
  EXPECT_FALSE(queue_.leave(1)) << "it runs";
  EXPECT_THAT(finish(1), ElementsAre(4));
}

TEST_F(RunQueueTest, NobodyIsWatchedUnlessSomebodyWaits) {
  enter();
  enter();
  EXPECT_EQ(queue_.check_at(), Clock::time_point::max());
  EXPECT_THAT(check(1h), IsEmpty());
  enter();
  EXPECT_EQ(queue_.check_at(), kStart + kPatience);
  EXPECT_TRUE(queue_.leave(3));
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

}  // namespace
}  // namespace compiler_gym::isolated
