// Requests of inline sessions that take too long: they are asked to stop. (tests/isolated has those
// that are made to.)
#include <gmock/gmock.h>

#include <atomic>

#include "tests/sessions/service_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

// The clock comes before the threads that read it, and goes after them.
class OwnsFakeClock {
 protected:
  FakeClock clock;
};

/// Action 0 stops in the middle until it is released. The event loop is run by the test.
class InlineTimeLimitTest : protected OwnsFakeClock, public ServiceFixture {
 protected:
  static constexpr auto kLimit = 10s;

  InlineTimeLimitTest() {
    script.on_action = [this](std::int64_t action, auto&, const std::stop_token& stop) {
      if (action == 0) {
        in_action_.open();
        release_.wait();
        asked_to_stop_ = stop.stop_requested();
      }
      return grpc::Status::OK;
    };
  }

  void serve_limited() { serve({.request_timeout = kLimit}); }
  StepCall hold(Session::Id session, const std::vector<std::int64_t>& actions) {
    StepCall call = step(session, actions);
    in_action_.wait();
    return call;
  }
  void advance(Clock::duration time) {
    clock.advance(time);
    settle(io_context);
  }

  Latch in_action_;
  Latch release_;
  std::atomic<bool> asked_to_stop_ = false;
};

TEST_F(InlineTimeLimitTest, AStepEndsAfterTheActionInWhichItsTimeWasUp) {
  serve_limited();
  const Session::Id session = started();
  const StepCall slow = hold(session, {1, 0, 2});
  advance(kLimit);
  EXPECT_FALSE(slow->answered()) << "nobody can stop it";
  release_.open();
  EXPECT_EQ(failure(slow->get()),
            "DEADLINE_EXCEEDED: the time limit of 10000 ms has passed: Step cancelled; 2 of 3 "
            "actions were applied and remain");
  EXPECT_TRUE(asked_to_stop_) << "so that an action that takes long can end early";
  EXPECT_THAT(history(session), ElementsAre(1, 0)) << "the session goes on";
}

TEST_F(InlineTimeLimitTest, AStepHasTheWholeTime) {
  serve_limited();
  const Session::Id session = started();
  const StepCall slow = hold(session, {0, 1});
  advance(kLimit - 1ns);
  release_.open();
  EXPECT_EQ(failure(slow->get()), "OK");
  EXPECT_FALSE(asked_to_stop_);
}

TEST_F(InlineTimeLimitTest, EachStepHasIt) {
  serve_limited();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  advance(kLimit - 1ns);
  const StepCall slow = hold(session, {0, 2});
  advance(kLimit - 1ns);
  release_.open();
  EXPECT_EQ(failure(slow->get()), "OK");
  EXPECT_THAT(history(session), ElementsAre(1, 0, 2));
}

TEST_F(InlineTimeLimitTest, WaitingForItsTurnDoesNotCount) {
  serve_limited();
  const Session::Id session = started();
  const StepCall slow = hold(session, {0});
  const StepCall waiting = step(session, {1, 2});
  advance(kLimit);
  release_.open();
  EXPECT_EQ(failure(slow->get()), "OK") << "it was done";
  EXPECT_EQ(failure(waiting->get()), "OK");
}

TEST_F(InlineTimeLimitTest, AClientThatLeftBeforeHearsSo) {
  serve_limited();
  const StepCall slow = hold(started(), {0, 1});
  slow->stop.request_stop();
  advance(kLimit);
  release_.open();
  EXPECT_EQ(failure(slow->get()),
            "CANCELLED: Step cancelled; 1 of 2 actions were applied and remain");
}

TEST_F(InlineTimeLimitTest, AStartThatTakesTooLongLeavesNoSession) {
  script.during_init = [this](const std::stop_token& stop) {
    EXPECT_FALSE(stop.stop_requested());
    clock.advance(kLimit);
    settle(io_context);
    EXPECT_TRUE(stop.stop_requested());
  };
  serve_limited();
  EXPECT_EQ(failure(start("benchmark://test/1", {0})),
            "DEADLINE_EXCEEDED: the time limit of 10000 ms has passed: Cancelled after 0 of 1 "
            "observations");
  EXPECT_EQ(service->session_count(), 0U);
}

TEST_F(InlineTimeLimitTest, ZeroIsNoLimit) {
  serve({.request_timeout = 0ms});
  const StepCall slow = hold(started(), {0, 1});
  advance(24h);
  release_.open();
  EXPECT_EQ(failure(slow->get()), "OK");
}

}  // namespace
}  // namespace compiler_gym::testing
