// When a benchmark is loaded, for whom it is forked and which one is evicted, without a process.
#include "sessions/isolated/template_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym::isolated {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using Words = std::vector<std::string>;

/// Templates are numbered in the order in which they are first wanted, from 1; waiters by the tests.
class TemplateSchedulerTest : public ::testing::Test {
 protected:
  /// `load 1`, `stop 1`, `fork 1 for 7`, `release 1`, `complete 7: OK`.
  static Words words(const TemplateScheduler::Actions& actions) {
    Words words;
    for (const TemplateAction& action : actions) {
      const std::string of = std::to_string(action.of);
      const std::string waiter = std::to_string(action.waiter);
      switch (action.kind) {
        case TemplateAction::Kind::kLoad:
          words.push_back("load " + of);
          break;
        case TemplateAction::Kind::kStopLoading:
          words.push_back("stop " + of);
          break;
        case TemplateAction::Kind::kFork:
          words.push_back("fork " + of + " for " + waiter);
          break;
        case TemplateAction::Kind::kRelease:
          words.push_back("release " + of);
          break;
        case TemplateAction::Kind::kComplete:
          words.push_back("complete " + waiter + ": " + to_string(action.status));
          break;
      }
    }
    return words;
  }

  /// All are one client's, unless said otherwise.
  Words enter(TemplateScheduler::WaiterId waiter, const std::string& benchmark,
              ClientId client = {}) {
    auto& object = benchmarks_[benchmark];
    if (object == nullptr) {
      object = std::make_shared<Benchmark>();
    }
    return words(scheduler_.enter(waiter, client, {.benchmark = object, .program_stamp = {}}));
  }
  Words leave(TemplateScheduler::WaiterId waiter) { return words(scheduler_.leave(waiter, {})); }
  Words loaded(TemplateScheduler::TemplateId of, const grpc::Status& status = grpc::Status::OK) {
    return words(scheduler_.on_loaded(of, status));
  }
  Words forked(TemplateScheduler::TemplateId of, const grpc::Status& status = grpc::Status::OK) {
    return words(scheduler_.on_forked(of, status));
  }
  /// Loads a benchmark and forks it once.
  void use(TemplateScheduler::WaiterId waiter, const std::string& benchmark,
           TemplateScheduler::TemplateId of) {
    EXPECT_THAT(enter(waiter, benchmark), ElementsAre("load " + std::to_string(of)));
    loaded(of);
    forked(of);
  }

  TemplateScheduler scheduler_{2};
  std::map<std::string, std::shared_ptr<const Benchmark>> benchmarks_;
};

TEST_F(TemplateSchedulerTest, ClientsTakeTurnsHoweverManySessionsOneOfThemStarts) {
  constexpr ClientId kFlood{1};
  constexpr ClientId kPatient{2};
  for (TemplateScheduler::WaiterId waiter = 1; waiter <= 5; ++waiter) {
    enter(waiter, "a", kFlood);
  }
  EXPECT_THAT(loaded(1), ElementsAre("fork 1 for 1"));
  enter(6, "a", kPatient);
  EXPECT_THAT(forked(1), ElementsAre("complete 1: OK", "fork 1 for 2")) << "it came later";
  EXPECT_THAT(forked(1), ElementsAre("complete 2: OK", "fork 1 for 6"));
  EXPECT_THAT(forked(1), ElementsAre("complete 6: OK", "fork 1 for 3"));
}

TEST_F(TemplateSchedulerTest, IsLoadedOnceForAllWhoWaitAndForkedForOneAfterTheOther) {
  EXPECT_THAT(enter(7, "a"), ElementsAre("load 1"));
  EXPECT_THAT(enter(8, "a"), IsEmpty());
  EXPECT_THAT(loaded(1), ElementsAre("fork 1 for 7"));
  EXPECT_THAT(enter(9, "a"), IsEmpty());
  EXPECT_THAT(forked(1), ElementsAre("complete 7: OK", "fork 1 for 8"));
  EXPECT_THAT(forked(1), ElementsAre("complete 8: OK", "fork 1 for 9"));
  EXPECT_THAT(forked(1), ElementsAre("complete 9: OK"));
  EXPECT_THAT(enter(10, "a"), ElementsAre("fork 1 for 10"));
}

TEST_F(TemplateSchedulerTest, ActionSpacesAndProgramsInFilesTellTemplatesApart) {
  const auto benchmark = std::make_shared<const Benchmark>();
  const TemplateKey key{.benchmark = benchmark, .program_stamp = "monday"};
  EXPECT_THAT(words(scheduler_.enter(1, {}, key)), ElementsAre("load 1"));
  EXPECT_THAT(words(scheduler_.enter(2, {}, {benchmark, 1, "monday"})), ElementsAre("load 2"));
  EXPECT_THAT(words(scheduler_.enter(3, {}, {benchmark, 0, "tuesday"})), ElementsAre("load 3"));
  EXPECT_THAT(words(scheduler_.enter(4, {}, key)), IsEmpty());
  EXPECT_EQ(scheduler_.key(1), key);
}

TEST_F(TemplateSchedulerTest, AFailureIsGivenToAllWhoWaitAndNotKept) {
  enter(7, "a");
  enter(8, "a");
  EXPECT_THAT(loaded(1, invalid_argument("bad program")),
              ElementsAre("release 1", "complete 7: INVALID_ARGUMENT: bad program",
                          "complete 8: INVALID_ARGUMENT: bad program"));
  EXPECT_THAT(enter(9, "a"), ElementsAre("load 2")) << "a new try";
}

TEST_F(TemplateSchedulerTest, LoadingEndsWhenTheLastWhoWaitedHasLeft) {
  enter(7, "a");
  enter(8, "a");
  EXPECT_THAT(leave(7), ElementsAre("complete 7: CANCELLED: Cancelled while waiting for its turn"));
  EXPECT_THAT(leave(8),
              ElementsAre("complete 8: CANCELLED: Cancelled while waiting for its turn", "stop 1"));
  EXPECT_THAT(loaded(1, cancelled("stopped")), ElementsAre("release 1"));
}

TEST_F(TemplateSchedulerTest, LoadingBeginsAgainForWhoCameBeforeItHadEnded) {
  enter(7, "a");
  leave(7);
  EXPECT_THAT(enter(8, "a"), IsEmpty()) << "the loading has not ended yet";
  EXPECT_THAT(loaded(1, cancelled("stopped")), ElementsAre("load 1"));
  EXPECT_THAT(loaded(1), ElementsAre("fork 1 for 8"));
}

TEST_F(TemplateSchedulerTest, WhoLeavesALoadedTemplateStopsNothing) {
  enter(7, "a");
  loaded(1);
  enter(8, "a");
  EXPECT_THAT(leave(8), ElementsAre("complete 8: CANCELLED: Cancelled while waiting for its turn"));
  EXPECT_THAT(leave(7), IsEmpty()) << "its turn has come";
  EXPECT_THAT(leave(99), IsEmpty());
  EXPECT_THAT(forked(1), ElementsAre("complete 7: OK"));
}

TEST_F(TemplateSchedulerTest, ADeadTemplateIsLoadedAnewAndWhoFoundItDeadComesFirst) {
  enter(7, "a");
  loaded(1);
  enter(8, "a");
  EXPECT_THAT(forked(1, data_loss("dead")), ElementsAre("release 1", "load 1"));
  EXPECT_THAT(loaded(1), ElementsAre("fork 1 for 7"));
  EXPECT_THAT(forked(1, deadline_exceeded("hangs")),
              ElementsAre("release 1", "complete 7: DEADLINE_EXCEEDED: hangs", "load 1"))
      << "once; then it is 8's turn to try";
  EXPECT_THAT(loaded(1), ElementsAre("fork 1 for 8"));
}

TEST_F(TemplateSchedulerTest, AnyOtherFailureToForkLeavesTheTemplate) {
  enter(7, "a");
  loaded(1);
  EXPECT_THAT(forked(1, resource_exhausted("full")),
              ElementsAre("complete 7: RESOURCE_EXHAUSTED: full"));
  EXPECT_THAT(enter(8, "a"), ElementsAre("fork 1 for 8"));
}

TEST_F(TemplateSchedulerTest, TheLeastRecentlyUsedIsEvicted) {
  use(7, "a", 1);
  use(8, "b", 2);
  EXPECT_THAT(enter(9, "a"), ElementsAre("fork 1 for 9"));
  forked(1);
  EXPECT_THAT(enter(10, "c"), ElementsAre("release 2", "load 3"));
  EXPECT_THAT(enter(11, "b"), ElementsAre("release 1", "load 4"));
}

TEST_F(TemplateSchedulerTest, OnesInUseStayOverTheBoundForAWhile) {
  use(7, "a", 1);
  EXPECT_THAT(enter(8, "a"), ElementsAre("fork 1 for 8"));
  EXPECT_THAT(enter(9, "b"), ElementsAre("load 2"));
  EXPECT_THAT(enter(10, "c"), ElementsAre("load 3")) << "three, as all are busy";
  EXPECT_THAT(forked(1), ElementsAre("complete 8: OK", "release 1"));
}

TEST_F(TemplateSchedulerTest, ClosingReleasesAllAndRefusesWhoComesLater) {
  use(7, "a", 1);
  use(8, "b", 2);
  EXPECT_THAT(words(scheduler_.close()), ElementsAre("release 2", "release 1"));
  EXPECT_THAT(enter(9, "a"), ElementsAre("complete 9: UNAVAILABLE: The service is shutting down"));
  EXPECT_THAT(loaded(1), IsEmpty()) << "what ends later is nobody's";
  EXPECT_THAT(forked(2), IsEmpty());
}

}  // namespace
}  // namespace compiler_gym::isolated
