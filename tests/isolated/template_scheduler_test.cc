// When a benchmark is loaded, for whom it is forked and which one is evicted, without a process.
#include "sessions/isolated/template_scheduler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <tuple>
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
  /// `load 1`, `stop 1`, `fork 1 for 7`, `release 1`, `complete 7: OK`; of sandboxes `reset 40`, `reuse 40
  /// for 7`, `end 40`, `end 40 for 8`, `no room for 8`.
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
        case TemplateAction::Kind::kReset:
          words.push_back("reset " + std::to_string(action.sandbox));
          break;
        case TemplateAction::Kind::kReuse:
          words.push_back("reuse " + std::to_string(action.sandbox) + " for " + waiter);
          break;
        case TemplateAction::Kind::kEnd:
          words.push_back("end " + std::to_string(action.sandbox) +
                          (action.waiter == 0 ? "" : " for " + waiter));
          break;
        case TemplateAction::Kind::kNoRoom:
          words.push_back("no room for " + waiter);
          break;
      }
    }
    return words;
  }

  /// All are one client's, unless said otherwise.
  Words enter(TemplateScheduler::WaiterId waiter, const std::string& benchmark,
              ClientId client = {}) {
    return words(scheduler_.enter(waiter, client, key(benchmark)));
  }
  Words leave(TemplateScheduler::WaiterId waiter) { return words(scheduler_.leave(waiter, {})); }
  Words loaded(TemplateScheduler::TemplateId of, const grpc::Status& status = grpc::Status::OK) {
    return words(scheduler_.on_loaded(of, status));
  }
  Words forked(TemplateScheduler::TemplateId of, const grpc::Status& status = grpc::Status::OK) {
    return words(scheduler_.on_forked(of, status));
  }
  Words ended(IdleSandboxes::Number sandbox, const std::string& benchmark) {
    return words(scheduler_.on_session_end(sandbox, key(benchmark)));
  }
  Words reset(IdleSandboxes::Number sandbox) {
    return words(scheduler_.on_reset(sandbox, ResetReport{.size_in_bytes = 1, .sessions = 1}));
  }
  Words reset_failed(IdleSandboxes::Number sandbox) {
    return words(scheduler_.on_reset(sandbox, std::nullopt));
  }
  Words found_dead(TemplateScheduler::WaiterId waiter, const std::string& benchmark) {
    return words(scheduler_.on_found_dead(waiter, {}, key(benchmark)));
  }
  Words make_room(TemplateScheduler::WaiterId waiter) {
    return words(scheduler_.make_room(waiter));
  }
  /// Has a sandbox wait for a session on a benchmark.
  void keep_idle(IdleSandboxes::Number sandbox, const std::string& benchmark) {
    EXPECT_THAT(ended(sandbox, benchmark), ElementsAre("reset " + std::to_string(sandbox)));
    EXPECT_THAT(reset(sandbox), IsEmpty());
  }
  /// Loads a benchmark and forks it once.
  void use(TemplateScheduler::WaiterId waiter, const std::string& benchmark,
           TemplateScheduler::TemplateId of) {
    EXPECT_THAT(enter(waiter, benchmark), ElementsAre("load " + std::to_string(of)));
    loaded(of);
    forked(of);
  }

  TemplateKey key(const std::string& benchmark) {
    auto& object = benchmarks_[benchmark];
    if (object == nullptr) {
      object = std::make_shared<Benchmark>();
    }
    return {.benchmark = object, .program_stamp = {}};
  }

  TemplateScheduler scheduler_{2, {.max_idle = 3}};
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

// ---------------------------------------------------------------------------------- recycling

TEST_F(TemplateSchedulerTest, WhoComesGetsAnIdleSandboxRatherThanAFork) {
  use(1, "a", 1);
  keep_idle(40, "a");
  EXPECT_THAT(enter(2, "a"), ElementsAre("reuse 40 for 2"));
  EXPECT_THAT(enter(3, "a"), ElementsAre("fork 1 for 3"));
}

TEST_F(TemplateSchedulerTest, AnIdleSandboxServesNoOtherBenchmark) {
  use(1, "a", 1);
  keep_idle(40, "a");
  EXPECT_THAT(enter(2, "b"), ElementsAre("load 2"));
}

TEST_F(TemplateSchedulerTest, AsManyAsAreBeingResetWaitForThese) {
  use(1, "a", 1);
  EXPECT_THAT(ended(40, "a"), ElementsAre("reset 40"));
  EXPECT_THAT(enter(2, "a"), IsEmpty());
  EXPECT_THAT(enter(3, "a"), ElementsAre("fork 1 for 2")) << "in their order";
  EXPECT_THAT(reset(40), ElementsAre("reuse 40 for 3"));
}

TEST_F(TemplateSchedulerTest, WhoWaitsForAResetThatFailsGetsAFork) {
  use(1, "a", 1);
  ended(40, "a");
  enter(2, "a");
  EXPECT_THAT(reset_failed(40), ElementsAre("end 40", "fork 1 for 2"));
}

TEST_F(TemplateSchedulerTest, WhoLeavesWhileItWaitsForAResetEndsNoLoading) {
  use(1, "a", 1);
  ended(40, "a");
  enter(2, "a");
  EXPECT_THAT(leave(2), ElementsAre("complete 2: CANCELLED: Cancelled while waiting for its turn"));
  EXPECT_THAT(reset(40), IsEmpty());
  EXPECT_THAT(enter(3, "a"), ElementsAre("reuse 40 for 3"));
}

TEST_F(TemplateSchedulerTest, ASandboxThatIsFoundDeadIsNotHandedOut) {
  use(1, "a", 1);
  keep_idle(40, "a");
  keep_idle(41, "a");
  EXPECT_THAT(enter(2, "a"), ElementsAre("reuse 41 for 2"));
  EXPECT_THAT(found_dead(2, "a"), ElementsAre("reuse 40 for 2"));
  EXPECT_THAT(found_dead(2, "a"), ElementsAre("fork 1 for 2"));
}

TEST_F(TemplateSchedulerTest, OneIsFoundDeadWhenItsTemplateHasGone) {
  use(1, "a", 1);
  keep_idle(40, "a");
  EXPECT_THAT(enter(2, "a"), ElementsAre("reuse 40 for 2"));
  use(3, "b", 2);
  EXPECT_THAT(enter(4, "c"), ElementsAre("release 1", "load 3"));
  EXPECT_THAT(found_dead(2, "a"), ElementsAre("release 2", "load 4"));
  std::ignore = scheduler_.close();
  EXPECT_THAT(found_dead(5, "a"),
              ElementsAre("complete 5: UNAVAILABLE: The service is shutting down"));
}

TEST_F(TemplateSchedulerTest, IdleSandboxesGoWithTheirTemplate) {
  use(1, "a", 1);
  keep_idle(40, "a");
  ended(41, "a");
  use(2, "b", 2);
  EXPECT_THAT(enter(3, "c"), ElementsAre("release 1", "end 40", "load 3"));
  EXPECT_THAT(reset(41), ElementsAre("end 41"));
  EXPECT_THAT(ended(42, "a"), ElementsAre("end 42")) << "there is no such template any more";
}

TEST_F(TemplateSchedulerTest, ATemplateThatIsLostTakesNoIdleSandboxWithIt) {
  use(1, "a", 1);
  enter(2, "a");
  keep_idle(40, "a");
  EXPECT_THAT(forked(1, data_loss("killed")), ElementsAre("release 1", "reuse 40 for 2"));
}

TEST_F(TemplateSchedulerTest, RoomIsMadeByEndingWhatHasBeenIdleLongest) {
  use(1, "a", 1);
  keep_idle(40, "a");
  keep_idle(41, "a");
  EXPECT_THAT(make_room(8), ElementsAre("end 40 for 8"));
  EXPECT_THAT(make_room(9), ElementsAre("end 41 for 9"));
  EXPECT_THAT(make_room(10), ElementsAre("no room for 10"));
}

TEST_F(TemplateSchedulerTest, WhoWantsRoomWaitsForWhatIsBeingReset) {
  use(1, "a", 1);
  ended(40, "a");
  EXPECT_THAT(make_room(8), IsEmpty());
  EXPECT_THAT(ended(41, "a"), ElementsAre("end 41 for 8")) << "or for what needs not be reset";
  EXPECT_THAT(make_room(9), IsEmpty());
  EXPECT_THAT(make_room(10), IsEmpty());
  EXPECT_THAT(reset(40), ElementsAre("end 40 for 9", "no room for 10"));
}

TEST_F(TemplateSchedulerTest, ASessionGoesBeforeRoom) {
  use(1, "a", 1);
  ended(40, "a");
  enter(2, "a");
  make_room(8);
  EXPECT_THAT(reset(40), ElementsAre("reuse 40 for 2", "no room for 8"));
}

TEST_F(TemplateSchedulerTest, AtTheEndNothingStaysIdle) {
  use(1, "a", 1);
  keep_idle(40, "a");
  ended(41, "a");
  EXPECT_THAT(words(scheduler_.close()), ElementsAre("release 1", "end 40"));
  EXPECT_THAT(reset(41), ElementsAre("end 41"));
  EXPECT_THAT(ended(42, "a"), ElementsAre("end 42"));
}

}  // namespace
}  // namespace compiler_gym::isolated
