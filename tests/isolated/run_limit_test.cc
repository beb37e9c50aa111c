// No more requests run in sandbox processes than there is room for; the others wait their turn.
#include "sessions/isolated/run_limit.h"

#include <map>

#include "tests/isolated/isolated_fixture.h"
#include "tests/support/fake_clock.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;
using isolated::RunLimit;
using ::testing::ElementsAre;
using ::testing::StartsWith;

/// Requests are named by numbers.
class RunLimitTest : public ::testing::Test {
 protected:
  static constexpr auto kPatience = 50ms;

  ~RunLimitTest() override {
    while (!running_.empty()) {
      finish(running_.begin()->first);
    }
    settle(io_context_);
    limit_->close();
    settle(io_context_);
    limit_.reset();
    EXPECT_EQ(io_context_.run(), 0U);
  }

  void allow(std::size_t at_one_time) {
    limit_ = std::make_shared<RunLimit>(io_context_.get_executor(), at_one_time, kPatience);
  }

  void ask(int request, const std::stop_source& stop = {}) {
    auto handler = [this, request](Result<RunLimit::Permit> permit) {
      if (permit) {
        began_.push_back(request);
        running_.emplace(request, *std::move(permit));
      } else {
        refused_ = to_string(permit.error());
      }
    };
    limit_->acquire({}, stop, RunLimit::Handler(std::move(handler), here_));
  }
  /// The next one begins inside this call, when the permit goes.
  void finish(int request) { const auto finished = running_.extract(request); }
  void advance(Clock::duration time) {
    clock_.advance(time);
    settle(io_context_);
  }

  FakeClock clock_;
  RecordingLogger logger_;
  const CallingThreadExecutor here_{logger_, "the test's handler"};
  boost::asio::io_context io_context_;
  std::shared_ptr<RunLimit> limit_;
  std::vector<int> began_;
  std::map<int, RunLimit::Permit> running_;
  std::string refused_;
};

TEST_F(RunLimitTest, WhoeverIsOverItWaitsForAPlaceFirstComeFirstServed) {
  allow(2);
  for (int request = 1; request <= 5; ++request) {
    ask(request);
  }
  settle(io_context_);
  EXPECT_THAT(began_, ElementsAre(1, 2));
  finish(2);
  EXPECT_THAT(began_, ElementsAre(1, 2, 3));
  finish(1);
  finish(3);
  EXPECT_THAT(began_, ElementsAre(1, 2, 3, 4, 5));
  ask(6);
  EXPECT_THAT(began_, ElementsAre(1, 2, 3, 4, 5)) << "4 and 5 run";
  finish(4);
  EXPECT_THAT(began_, ElementsAre(1, 2, 3, 4, 5, 6));
}

TEST_F(RunLimitTest, WhoLeavesWhileWaitingIsCancelledAndPassedOver) {
  allow(1);
  std::stop_source leaving;
  ask(1);
  ask(2, leaving);
  ask(3);
  leaving.request_stop();
  EXPECT_EQ(refused_, "") << "not inside the call";
  settle(io_context_);
  EXPECT_EQ(refused_, "CANCELLED: Cancelled while waiting for its turn");
  finish(1);
  EXPECT_THAT(began_, ElementsAre(1, 3));
  leaving.request_stop();
}

TEST_F(RunLimitTest, WhoHasLeftBeforeItWaitsIsCancelled) {
  allow(1);
  std::stop_source left;
  left.request_stop();
  ask(1);
  ask(2, left);
  settle(io_context_);
  EXPECT_EQ(refused_, "CANCELLED: Cancelled while waiting for its turn");
  finish(1);
  EXPECT_THAT(began_, ElementsAre(1));
}

TEST_F(RunLimitTest, ALongRequestGivesItsPlaceAwayToOneThatWaits) {
  allow(1);
  ask(1);
  ask(2);
  advance(kPatience - 1ns);
  EXPECT_THAT(began_, ElementsAre(1));
  advance(1ns);
  EXPECT_THAT(began_, ElementsAre(1, 2));
  ask(3);
  finish(1);
  EXPECT_THAT(began_, ElementsAre(1, 2)) << "1 gave it away already";
  finish(2);
  EXPECT_THAT(began_, ElementsAre(1, 2, 3));
}

TEST_F(RunLimitTest, ItKeepsItsPlaceAsLongAsNobodyWaits) {
  allow(1);
  ask(1);
  advance(10 * kPatience);
  ask(2);
  EXPECT_THAT(began_, ElementsAre(1));
  settle(io_context_);
  EXPECT_THAT(began_, ElementsAre(1, 2)) << "but then it has had its time";
}

TEST_F(RunLimitTest, TheMoreHangTheLongerTheOthersWait) {
  allow(1);
  for (int request = 1; request <= 4; ++request) {
    ask(request);
  }
  advance(kPatience);
  EXPECT_THAT(began_, ElementsAre(1, 2));
  advance(2 * kPatience - 1ns);
  EXPECT_THAT(began_, ElementsAre(1, 2));
  advance(1ns);
  EXPECT_THAT(began_, ElementsAre(1, 2, 3));
  finish(1);
  advance(2 * kPatience);
  EXPECT_THAT(began_, ElementsAre(1, 2, 3, 4)) << "one of those that hung has ended";
}

// ------------------------------------------------------------------------------- with sandbox processes

struct OwnsClock {
  FakeClock clock;
};

class LimitedSessionsTest : protected OwnsClock, public IsolatedTest {
 protected:
  void serve_one_at_a_time() {
    isolated::IsolationOptions options;
    options.max_running = 1;
    serve_isolated(options);
  }

  FifoGate gate{path("gate")};
};

TEST_F(LimitedSessionsTest, AStepOfAnotherSessionWaitsAndCanBeCancelled) {
  serve_one_at_a_time();
  const Session::Id busy = started();
  const Session::Id other = started();
  const StepCall running = step(busy, {kWaitAtGate});
  gate.wait_for_arrival();
  const StepCall cancelled = step(other, {1});
  const StepCall patient = step(other, {2});
  cancelled->stop.request_stop();
  EXPECT_EQ(failure(cancelled->get()), "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_FALSE(running->answered());
  gate.let_pass();
  EXPECT_EQ(failure(running->get()), "OK");
  EXPECT_EQ(failure(patient->get()), "OK");
  EXPECT_THAT(history(other), ElementsAre(2));
}

TEST_F(LimitedSessionsTest, AStepThatHangsHoldsUpNoOtherForLong) {
  serve_one_at_a_time();
  const Session::Id hanging = started();
  const Session::Id other = started();
  const StepCall hung = step(hanging, {kHang});
  gate.wait_for_arrival();
  const StepCall waiting = step(other, {1});
  EXPECT_FALSE(waiting->answered());
  clock.advance(isolated::IsolationOptions().run_patience);
  EXPECT_EQ(failure(waiting->get()), "OK");
  EXPECT_FALSE(hung->answered());
  EXPECT_EQ(remaining_after_end(hanging), 1);
  clock.advance(isolated::SandboxTimeouts().cancel_grace);
}

TEST_F(LimitedSessionsTest, ASessionThatIsEndedWhileItWaitsEnds) {
  serve_one_at_a_time();
  const Session::Id busy = started();
  const Session::Id other = started();
  const pid_t process = process_of(other);
  const StepCall running = step(busy, {kWaitAtGate});
  gate.wait_for_arrival();
  const StepCall waiting = step(other, {1});
  EXPECT_EQ(remaining_after_end(other), 1);
  EXPECT_EQ(failure(waiting->get()), "CANCELLED: Cancelled while waiting for its turn");
  poll_until([&] { return is_gone(process); });
  EXPECT_FALSE(running->answered());
  gate.let_pass();
  EXPECT_EQ(failure(running->get()), "OK");
}

TEST_F(LimitedSessionsTest, LoadingABenchmarkWaitsForAPlaceAndCanBeCancelled) {
  serve_one_at_a_time();
  const Session::Id busy = started();
  const StepCall running = step(busy, {kWaitAtGate});
  gate.wait_for_arrival();
  const StartCall cancelled = start_soon("new");
  const StartCall patient = start_soon("other");
  cancelled->stop.request_stop();
  EXPECT_EQ(failure(cancelled->get()), "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_FALSE(patient->answered());
  EXPECT_EQ(loads(), 1) << "the first session's";
  gate.let_pass();
  EXPECT_EQ(failure(running->get()), "OK");
  EXPECT_EQ(failure(patient->get()), "OK");
  EXPECT_EQ(loads(), 2);
}

TEST_F(LimitedSessionsTest, ForksWaitForAPlaceThoseOfTemplatesToo) {
  serve_one_at_a_time();
  const Session::Id busy = started();
  const Session::Id parent = started();
  const StepCall running = step(busy, {kWaitAtGate});
  gate.wait_for_arrival();
  const auto forking = fork(parent);
  const StartCall starting = start_soon("", "benchmark://test/1");
  EXPECT_FALSE(forking->answered());
  EXPECT_FALSE(starting->answered());
  gate.let_pass();
  EXPECT_EQ(failure(running->get()), "OK");
  EXPECT_EQ(failure(forking->get()), "OK");
  EXPECT_EQ(failure(starting->get()), "OK");
  EXPECT_EQ(loads(), 1);
}

// Else many starts would first load all their benchmarks, and keep them.
TEST_F(LimitedSessionsTest, WhatIsLoadedIsForkedBeforeTheNextIsLoaded) {
  serve_one_at_a_time();
  const StartCall first = start_soon("new");
  const StartCall second = start_soon("gate");
  EXPECT_EQ(failure(first->get()), "OK");
  gate.wait_for_arrival();
  gate.let_pass();
  EXPECT_EQ(failure(second->get()), "OK");
}

// Three places, of which starts have two.
TEST_F(LimitedSessionsTest, AStepFindsAPlaceHoweverManySessionsStart) {
  isolated::IsolationOptions options;
  options.max_running = 3;
  serve_isolated(options);
  const Session::Id session = started();
  std::vector<StartCall> starts;
  for (int i = 0; i < 2; ++i) {
    starts.push_back(start_soon("gate", "benchmark://gate/" + std::to_string(i)));
  }
  for (int i = 0; i < 8; ++i) {
    starts.push_back(start_soon("new", "benchmark://new/" + std::to_string(i)));
  }
  poll_until([&] { return loads() == 3; });
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  EXPECT_EQ(loads(), 3) << "the first session's, and two";
  gate.wait_for_arrival();
  gate.let_pass(2);
  for (const StartCall& call : starts) {
    EXPECT_EQ(failure(call->get()), "OK");
  }
}

// What has a place gives it back while the benchmark is loaded, which takes one as well.
TEST_F(LimitedSessionsTest, ALostSessionIsRestoredWithOnePlace) {
  isolated::IsolationOptions options;
  options.max_running = 1;
  options.max_templates = 1;
  serve_isolated(options);
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  started("benchmark://other");  // takes the one template's place
  EXPECT_THAT(failure(step(session, {kExit})->get()), StartsWith("DATA_LOSS"));
  EXPECT_THAT(history(session), ElementsAre(1));
  EXPECT_THAT(failure(step(session, {kExit})->get()), StartsWith("DATA_LOSS"));
  EXPECT_THAT(history(forked(session)), ElementsAre(1));
}

}  // namespace
}  // namespace compiler_gym::testing
