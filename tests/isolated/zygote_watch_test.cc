// When a zygote is given up on, and what becomes of what it was asked.
#include "sessions/isolated/zygote_watch.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace compiler_gym::isolated {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Wish = ZygoteWatch::Wish;

class ZygoteWatchTest : public ::testing::Test {
 protected:
  ZygoteWatchTest() = default;

  /// What is to be done, a word for each: `send 1`, `refuse 1: why`.
  static std::vector<std::string> words(const ZygoteWatch::Actions& actions) {
    std::vector<std::string> words;
    for (const ZygoteAction& action : actions) {
      const std::string tag = std::to_string(action.tag);
      switch (action.kind) {
        case ZygoteAction::Kind::kSend:
          words.push_back("send " + tag);
          break;
        case ZygoteAction::Kind::kRefuse:
          words.push_back("refuse " + tag + ": " + action.status.error_message());
          EXPECT_EQ(action.status.error_code(), grpc::StatusCode::UNAVAILABLE);
          break;
        case ZygoteAction::Kind::kGone:
          words.push_back("gone " + tag);
          break;
        case ZygoteAction::Kind::kProbe:
          words.emplace_back("probe");
          break;
        case ZygoteAction::Kind::kReplace:
          words.emplace_back("replace");
          break;
        case ZygoteAction::Kind::kSay:
          words.push_back("say it " + action.status.error_message());
          break;
      }
    }
    return words;
  }

  std::vector<std::string> want_sandbox(ZygoteWatch::Tag tag) {
    return words(watch.on_request(tag, Wish::kSandbox, now));
  }
  std::vector<std::string> want_end(ZygoteWatch::Tag tag) {
    return words(watch.on_request(tag, Wish::kItsEnd, now));
  }
  std::vector<std::string> time(Clock::duration duration) {
    now += duration;
    return words(watch.on_time(now));
  }
  void be_ready() {
    EXPECT_THAT(words(watch.on_zygote(now)), IsEmpty());
    watch.on_alive(now);
  }

  const ZygoteTimeouts timeouts{
      .probe = 1s, .answer = 10s, .preparation = 100s, .reap = 20s, .keeper = 5s};
  Clock::time_point now{1000s};
  ZygoteWatch watch{timeouts, now};
};

constexpr auto* kEnded = "No sandbox process can be made: the process that forks them has ended";

TEST_F(ZygoteWatchTest, WhatIsAskedBeforeThereIsOneIsAskedOfIt) {
  EXPECT_THAT(want_sandbox(1), IsEmpty());
  EXPECT_THAT(want_sandbox(2), IsEmpty());
  EXPECT_THAT(words(watch.on_zygote(now)), ElementsAre("send 1", "send 2"));
  EXPECT_THAT(want_sandbox(3), ElementsAre("send 3"));
}

TEST_F(ZygoteWatchTest, OfAnIdleOneNothingIsWaitedFor) {
  be_ready();
  EXPECT_EQ(watch.next(), Clock::time_point::max());
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_EQ(watch.next(), now + 1s);
  watch.on_answer(1, now);
  EXPECT_EQ(watch.next(), Clock::time_point::max());
  EXPECT_THAT(time(1000s), IsEmpty());
}

TEST_F(ZygoteWatchTest, ADeafOneIsProbedAndThenReplaced) {
  be_ready();
  now += 500s;
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_THAT(want_end(2), ElementsAre("send 2"));
  EXPECT_THAT(time(1s - 1ns), IsEmpty());
  EXPECT_THAT(time(1ns), ElementsAre("probe"));
  EXPECT_THAT(time(1s), ElementsAre("probe"));
  EXPECT_THAT(time(1s), IsEmpty());
  EXPECT_THAT(time(1s), ElementsAre("probe"));
  EXPECT_EQ(watch.next(), now + 4s);
  EXPECT_THAT(time(4s), ElementsAre("probe"));
  EXPECT_THAT(time(2s - 1ns), IsEmpty());
  EXPECT_THAT(time(1ns), ElementsAre("say it does not answer", "replace"));
  EXPECT_THAT(words(watch.on_zygote(now)), ElementsAre("send 1", "gone 2"));
}

TEST_F(ZygoteWatchTest, AnyAnswerIsASignOfLife) {
  be_ready();
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_THAT(want_sandbox(2), ElementsAre("send 2"));
  EXPECT_THAT(time(9s), ElementsAre("probe"));
  watch.on_answer(2, now);
  EXPECT_THAT(time(9s), ElementsAre("probe"));
  watch.on_alive(now);
  EXPECT_THAT(time(9s), ElementsAre("probe"));
  EXPECT_THAT(time(1s - 1ns), IsEmpty());
  EXPECT_THAT(time(1ns), ElementsAre("say it does not answer", "replace"));
}

// As when the whole service was stopped for a while.
TEST_F(ZygoteWatchTest, TimeThatNobodyHadIsNotHeldAgainstIt) {
  be_ready();
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_THAT(time(1000s), ElementsAre("probe"));
  EXPECT_THAT(time(1s - 1ns), IsEmpty());
  watch.on_answer(1, now);
  EXPECT_THAT(time(1ns), IsEmpty());
}

TEST_F(ZygoteWatchTest, OneThatInitialisesTheContextHasMoreTime) {
  EXPECT_THAT(words(watch.on_zygote(now)), IsEmpty());
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_THAT(time(90s), ElementsAre("probe"));
  EXPECT_THAT(time(10s - 1ns), IsEmpty());
  EXPECT_THAT(time(1ns), ElementsAre("say it does not answer", "replace"));
}

TEST_F(ZygoteWatchTest, ADeadOneIsReplacedAtOnceAlsoIfNobodyWaits) {
  be_ready();
  EXPECT_THAT(words(watch.on_zygote_end(now)), ElementsAre("say it has ended", "replace"));
  EXPECT_THAT(want_sandbox(1), IsEmpty());
  EXPECT_THAT(words(watch.on_zygote(now)), ElementsAre("send 1"));
}

TEST_F(ZygoteWatchTest, ASandboxIsAskedForTwiceAndNoMore) {
  be_ready();
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_THAT(words(watch.on_zygote_end(now)), ElementsAre("say it has ended", "replace"));
  EXPECT_THAT(words(watch.on_zygote(now)), ElementsAre("send 1"));
  EXPECT_THAT(want_sandbox(2), ElementsAre("send 2"));
  EXPECT_THAT(words(watch.on_zygote_end(now)),
              ElementsAre("say it has ended", std::string("refuse 1: ") + kEnded, "replace"));
  EXPECT_THAT(words(watch.on_zygote(now)), ElementsAre("send 2"));
}

TEST_F(ZygoteWatchTest, OneThatDiesOfItsContextIsReplacedWhenSomebodyWantsIt) {
  EXPECT_THAT(words(watch.on_zygote(now)), IsEmpty());
  EXPECT_THAT(words(watch.on_zygote_end(now)), ElementsAre("say it has ended"));
  EXPECT_THAT(want_end(1), ElementsAre("gone 1"));
  EXPECT_THAT(want_sandbox(2), ElementsAre("replace"));
  EXPECT_THAT(words(watch.on_zygote(now)), ElementsAre("send 2"));
}

TEST_F(ZygoteWatchTest, OneThatTheKeeperReplacedByItselfIsNoDifference) {
  be_ready();
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_THAT(want_end(2), ElementsAre("send 2"));
  EXPECT_THAT(words(watch.on_zygote(now)),
              ElementsAre("say it was stopped, or has ended", "send 1", "gone 2"));
}

TEST_F(ZygoteWatchTest, OneThatCannotBeMadeIsTriedAgainWithTheNextRequest) {
  be_ready();
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_THAT(words(watch.on_zygote_end(now)), ElementsAre("say it has ended", "replace"));
  EXPECT_THAT(words(watch.on_no_zygote("no more processes")),
              ElementsAre("say it can't be made: no more processes",
                          "refuse 1: No sandbox process can be made: the process that forks them "
                          "can't be made: no more processes"));
  EXPECT_THAT(want_sandbox(2), ElementsAre("replace"));
}

TEST_F(ZygoteWatchTest, ASandboxThatNothingEndsIsNotWaitedForForEver) {
  be_ready();
  EXPECT_THAT(want_end(1), ElementsAre("send 1"));
  EXPECT_THAT(time(9s), ElementsAre("probe"));
  watch.on_alive(now);
  EXPECT_THAT(time(9s), ElementsAre("probe"));
  watch.on_alive(now);
  EXPECT_THAT(time(2s), ElementsAre("gone 1"));
  EXPECT_EQ(watch.next(), Clock::time_point::max());
}

TEST_F(ZygoteWatchTest, WithoutAKeeperTheZygoteGoesOnAsLongAsItLives) {
  be_ready();
  EXPECT_THAT(words(watch.on_keeper_end("has ended")),
              ElementsAre("say it what keeps it has ended"));
  EXPECT_THAT(want_sandbox(1), ElementsAre("send 1"));
  EXPECT_THAT(words(watch.on_zygote_end(now)),
              ElementsAre("say it has ended", std::string("refuse 1: ") + kEnded, "replace"));
  EXPECT_THAT(want_sandbox(2), ElementsAre(std::string("refuse 2: ") + kEnded));
  EXPECT_THAT(want_end(3), ElementsAre("gone 3"));
  EXPECT_EQ(watch.next(), Clock::time_point::max());
}

TEST_F(ZygoteWatchTest, AKeeperThatDoesNotAnswerIsNotWaitedForForEver) {
  EXPECT_THAT(want_sandbox(1), IsEmpty());
  EXPECT_THAT(time(5s - 1ns), IsEmpty());
  EXPECT_THAT(
      time(1ns),
      ElementsAre("say it what keeps it does not answer",
                  "refuse 1: No sandbox process can be made: the process that keeps the one "
                  "which forks them does not answer"));
  // If it does after all, all is well.
  EXPECT_THAT(words(watch.on_zygote(now)), IsEmpty());
  EXPECT_THAT(want_sandbox(2), ElementsAre("send 2"));
}

}  // namespace
}  // namespace compiler_gym::isolated
