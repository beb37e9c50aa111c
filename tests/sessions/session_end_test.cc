// The ends of sessions: one by one, all together, or because nobody uses them.
#include <gmock/gmock.h>

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_future.hpp>

#include "sessions/internal/inline_executor.h"
#include "sessions/session.h"
#include "sessions/task_queue.h"
#include "tests/sessions/service_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SessionEndTest : public ServiceFixture {};

TEST_F(SessionEndTest, AnIdleSessionIsDestroyedWhenTheAnswerComes) {
  serve();
  const Session::Id session = started();
  ASSERT_EQ(script.live_sessions, 1);
  EXPECT_EQ(remaining_after_end(session), 0);
  EXPECT_EQ(script.live_sessions, 0);
}

TEST_F(SessionEndTest, TheReplyCountsTheSessionsOfTheWholeService) {
  serve();
  for (int i = 0; i < 3; ++i) {
    static_cast<void>(started());
  }
  const Session::Id fork_of_first = forked(0);
  EXPECT_EQ(remaining_after_end(1), 3);
  EXPECT_EQ(remaining_after_end(0), 2);
  EXPECT_EQ(remaining_after_end(fork_of_first), 1);
  EXPECT_EQ(remaining_after_end(2), 0);
}

TEST_F(SessionEndTest, EndingAnUnknownSessionIsFineAndCountsToo) {
  serve();
  EXPECT_EQ(remaining_after_end(15), 0);
  const Session::Id session = started();
  EXPECT_EQ(remaining_after_end(15), 1);
  EXPECT_EQ(remaining_after_end(-1), 1);
  EXPECT_EQ(remaining_after_end(session), 0);
  EXPECT_EQ(remaining_after_end(session), 0) << "the second time it is unknown";
}

TEST_F(SessionEndTest, AnEndedSessionIsNotFound) {
  serve();
  const Session::Id session = started();
  remaining_after_end(session);
  EXPECT_EQ(failure(step(session, {1})->get()), "NOT_FOUND: Session not found: 0");
  EXPECT_EQ(failure(fork(session)->get()), "NOT_FOUND: Session not found: 0");
  EXPECT_EQ(failure(parameter(session, "key")->get()), "NOT_FOUND: Session not found: 0");
}

TEST_F(SessionEndTest, WhatWaitsCanBeDroppedWithoutStoppingWhatRuns) {
  Latch in_action;
  Latch release;
  script.on_action = [&](std::int64_t, auto&, const std::stop_token& stop) {
    in_action.open();
    release.wait();
    EXPECT_FALSE(stop.stop_requested());
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  const Session::Id idle = started();
  const StepCall running = step(session, {1, 2}, {0});
  in_action.wait();
  const StepCall waiting = step(session, {3});
  const ForkCall waiting_fork = fork(session);

  service->drop_waiting();

  EXPECT_EQ(failure(waiting->get()), "UNAVAILABLE: The service is shutting down");
  EXPECT_EQ(failure(waiting_fork->get()), "UNAVAILABLE: The service is shutting down");
  EXPECT_EQ(failure(step(session, {4})->get()), "UNAVAILABLE: The service is shutting down");
  EXPECT_EQ(failure(step(idle, {4})->get()), "UNAVAILABLE: The service is shutting down");
  release.open();
  const Result<StepReply> reply = running->get();
  ASSERT_TRUE(reply) << failure(reply);
  EXPECT_THAT(reply->observation(0).int64_tensor().value(), ElementsAre(1, 2));
  EXPECT_EQ(remaining_after_end(session), 1);
}

TEST_F(SessionEndTest, EndingInTurnLetsWhatCameBeforeFinishAndNothingAfter) {
  Latch in_action;
  Latch release;
  script.on_action = [&](std::int64_t action, auto&, const std::stop_token& stop) {
    if (action == 1) {
      in_action.open();
      release.wait();
    }
    EXPECT_FALSE(stop.stop_requested());
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  const Session::Id other = started();
  const StepCall running = step(session, {1});
  in_action.wait();
  const StepCall before = step(session, {2});
  const EndCall end = end_in_turn(session);
  const StepCall after = step(session, {3});
  const EndCall again = end_in_turn(session);
  EXPECT_FALSE(end->answered());
  EXPECT_EQ(service->session_count(), 2U);

  release.open();

  EXPECT_TRUE(running->get());
  EXPECT_TRUE(before->get());
  const Result<EndSessionReply> ended = end->get();
  ASSERT_TRUE(ended) << failure(ended);
  EXPECT_EQ(ended->remaining_sessions(), 1);
  EXPECT_EQ(script.live_sessions, 1) << "it is gone when the answer comes";
  EXPECT_EQ(failure(after->get()), "NOT_FOUND: Session not found: 0");
  EXPECT_EQ(again->get()->remaining_sessions(), 1);
  EXPECT_EQ(end_in_turn(99)->get()->remaining_sessions(), 1);
  EXPECT_EQ(remaining_after_end(other), 0);
}

TEST_F(SessionEndTest, EndingInTheMiddleOfAStepAnswersAtOnceAndStopsTheStep) {
  Latch in_action;
  Latch release;
  script.on_action = [&](std::int64_t, auto&, const std::stop_token& stop) {
    in_action.open();
    release.wait();
    EXPECT_TRUE(stop.stop_requested());
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  const Session::Id other = started();
  const StepCall running = step(session, {1, 2});
  in_action.wait();
  const StepCall waiting = step(session, {3});
  const ForkCall waiting_fork = fork(session);

  EXPECT_EQ(remaining_after_end(session), 1) << "the running step is not waited for";
  EXPECT_EQ(failure(waiting->get()), "CANCELLED: Session 0 was ended");
  EXPECT_EQ(failure(waiting_fork->get()), "CANCELLED: Session 0 was ended");
  EXPECT_EQ(failure(step(session, {4})->get()), "NOT_FOUND: Session not found: 0");
  EXPECT_FALSE(running->answered());
  EXPECT_EQ(script.live_sessions, 2) << "the session is in use";

  release.open();
  EXPECT_EQ(failure(running->get()),
            "CANCELLED: Step cancelled; 1 of 2 actions were applied and remain");
  EXPECT_EQ(script.live_sessions, 1);
  EXPECT_THAT(history(other), IsEmpty());
}

TEST_F(SessionEndTest, EndingTheParentLeavesTheForkAndTheOtherWayRound) {
  serve();
  const Session::Id parent = started();
  const Session::Id first = forked(parent);
  const Session::Id second = forked(parent);
  remaining_after_end(second);
  EXPECT_EQ(failure(step(parent, {1})->get()), "OK");
  remaining_after_end(parent);
  EXPECT_EQ(failure(step(first, {2})->get()), "OK");
  EXPECT_THAT(history(first), ElementsAre(2));
}

// --------------------------------------------------------------------------------- one Session

class CountedTask final : public internal::SessionTask {
 public:
  explicit CountedTask(std::vector<std::string>& story)
      : SessionTask(std::stop_source()), story_(story) {}
  void run(Session& /*session*/, SessionTurn& /*turn*/) override { story_.emplace_back("run"); }
  void complete(grpc::Status outcome) override { story_.push_back(to_string(outcome)); }

 private:
  std::vector<std::string>& story_;
};

TEST_F(SessionEndTest, ARequestThatFoundTheSessionJustBeforeItsEndIsRefused) {
  // The table finds a session under its lock, but hands requests in outside it.
  std::vector<std::string> story;
  const ServiceSpaces spaces;
  const internal::InlineSessions sessions({}, context_host, workers, spaces, {});
  auto executor = std::make_unique<internal::InlineExecutor>(
      sessions, std::make_unique<ScriptedSession>(context_host.context(), script));
  const boost::asio::any_io_executor base = workers.executor();
  const auto session =
      std::make_shared<Session>(7, std::move(executor), SessionOrigin(), Gate::Pass(), 1,
                                ContinuationExecutor(&base), logger);
  const CallingThreadExecutor here(logger, "the test");
  Latch ended;
  session->end(UniqueHandler<void()>([&] { ended.open(); }, here));
  session->submit(std::make_unique<CountedTask>(story));
  EXPECT_THAT(story, ElementsAre("NOT_FOUND: Session not found: 7"));
  ended.wait();

  bool again = false;
  session->end(UniqueHandler<void()>([&] { again = true; }, here));
  EXPECT_TRUE(again) << "a second end has nothing to wait for";
  EXPECT_FALSE(session->end_if_idle_since(Clock::time_point::max()));
}

TEST_F(SessionEndTest, ToDestroyASessionIsNoWorkForThoseWhoRunSteps) {
  WorkerPool step_workers({.threads = 1}, logger);
  Latch release;
  boost::asio::post(step_workers.executor(), [&] { release.wait(); });
  const ServiceSpaces spaces;
  const internal::InlineSessions sessions({}, context_host, step_workers, spaces, {});
  internal::InlineExecutor executor(
      sessions, std::make_unique<ScriptedSession>(context_host.context(), script));
  ASSERT_EQ(script.live_sessions, 1);
  get_within_watchdog(
      boost::asio::co_spawn(workers.executor(), executor.end(), boost::asio::use_future));
  EXPECT_EQ(script.live_sessions, 0);
  release.open();
}

// ------------------------------------------------------------------------------------ all sessions

TEST_F(SessionEndTest, EndingAllCompletesWhenTheLastIsDestroyed) {
  Latch in_action;
  Latch release;
  script.on_action = [&](std::int64_t, auto&, const std::stop_token& stop) {
    in_action.open();
    release.wait();
    EXPECT_TRUE(stop.stop_requested());
    return grpc::Status::OK;
  };
  serve();
  const Session::Id busy = started();
  static_cast<void>(started());
  static_cast<void>(started());
  const StepCall running = step(busy, {1, 2});
  in_action.wait();
  const StepCall waiting = step(busy, {3});

  auto all_ended = service->async_end_all(boost::asio::use_future);
  EXPECT_EQ(failure(waiting->get()), "CANCELLED: Session 0 was ended");
  poll_until([&] { return script.live_sessions == 1; });
  EXPECT_NE(all_ended.wait_for(0s), std::future_status::ready);

  release.open();
  get_within_watchdog(std::move(all_ended));
  EXPECT_EQ(script.live_sessions, 0);
  EXPECT_EQ(failure(running->get()),
            "CANCELLED: Step cancelled; 1 of 2 actions were applied and remain");
  EXPECT_EQ(service->session_count(), 0U);
}

TEST_F(SessionEndTest, NothingStartsAfterAllWereEnded) {
  serve();
  const Session::Id session = started();
  get_within_watchdog(service->async_end_all(boost::asio::use_future));
  EXPECT_EQ(failure(start()),
            "UNAVAILABLE: The service is shutting down: no session can be started");
  EXPECT_EQ(failure(fork(session)->get()), "NOT_FOUND: Session not found: 0");
  EXPECT_EQ(remaining_after_end(session), 0);
}

TEST_F(SessionEndTest, ASessionThatWasStartingWhenAllWereEndedIsNotOpened) {
  Latch in_init;
  Latch release;
  script.on_init = [&](const Benchmark&) {
    in_init.open();
    release.wait();
    return grpc::Status::OK;
  };
  serve();
  auto starting = std::async(std::launch::async, [this] { return start(); });
  in_init.wait();
  auto all_ended = service->async_end_all(boost::asio::use_future);
  EXPECT_NE(all_ended.wait_for(0s), std::future_status::ready) << "it is still starting";

  release.open();
  EXPECT_EQ(failure(get_within_watchdog(std::move(starting))),
            "UNAVAILABLE: The service is shutting down: no session can be started");
  get_within_watchdog(std::move(all_ended));
  EXPECT_EQ(script.live_sessions, 0);
}

TEST_F(SessionEndTest, EndingAllIsAnsweredToEveryoneWhoAsks) {
  serve();
  static_cast<void>(started());
  auto first = service->async_end_all(boost::asio::use_future);
  auto second = service->async_end_all(boost::asio::use_future);
  get_within_watchdog(std::move(first));
  get_within_watchdog(std::move(second));
}

// ----------------------------------------------------------------------------------- idle sessions

// The clock comes before the service and goes after it, since the service's threads read it.
struct OwnsClock {
  FakeClock clock;
};

class IdleSessionTest : protected OwnsClock, public ServiceFixture {
 protected:
  static constexpr auto kTtl = 10min;

  std::size_t end_idle() { return service->end_idle_sessions(kTtl); }
};

TEST_F(IdleSessionTest, ASessionEndsWhenItWasIdleForTheWholeTime) {
  serve();
  const Session::Id session = started();
  clock.advance(kTtl - 1ns);
  EXPECT_EQ(end_idle(), 0U);
  EXPECT_EQ(service->session_count(), 1U);
  clock.advance(1ns);
  EXPECT_EQ(end_idle(), 1U);
  EXPECT_EQ(service->session_count(), 0U);
  poll_until([&] { return script.live_sessions == 0; });
  EXPECT_EQ(failure(step(session, {1})->get()), "NOT_FOUND: Session not found: 0");
  EXPECT_EQ(end_idle(), 0U);
}

TEST_F(IdleSessionTest, EveryUseStartsTheTimeAnew) {
  serve();
  const Session::Id used = started();
  const Session::Id parent = started();
  const Session::Id asked = started();
  static_cast<void>(started());
  clock.advance(kTtl - 1ns);
  EXPECT_EQ(failure(step(used, {})->get()), "OK");
  const Session::Id fork = forked(parent);
  EXPECT_EQ(failure(parameter(asked, "service.benchmark_cache.get_size_in_bytes")->get()), "OK");
  clock.advance(kTtl - 1ns);
  EXPECT_EQ(end_idle(), 1U) << "the fourth, which nobody used";
  EXPECT_EQ(failure(step(fork, {})->get()), "OK");
  clock.advance(1ns);
  EXPECT_EQ(end_idle(), 3U) << "the fork was used since";
  EXPECT_EQ(service->session_count(), 1U);
}

TEST_F(IdleSessionTest, ASessionInTheMiddleOfAStepIsNotIdle) {
  Latch in_action;
  Latch release;
  script.on_action = [&](std::int64_t, auto&, const auto&) {
    in_action.open();
    release.wait();
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  const StepCall running = step(session, {1});
  in_action.wait();
  clock.advance(2 * kTtl);
  EXPECT_EQ(end_idle(), 0U);

  release.open();
  EXPECT_EQ(failure(running->get()), "OK");
  EXPECT_EQ(end_idle(), 0U) << "used a moment ago, however long it took";
  clock.advance(kTtl);
  EXPECT_EQ(end_idle(), 1U);
}

}  // namespace
}  // namespace compiler_gym::testing
