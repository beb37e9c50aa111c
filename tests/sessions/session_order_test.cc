// Which request runs when: one after another within a session, side by side across sessions.
#include <gmock/gmock.h>

#include <algorithm>
#include <mutex>
#include <numeric>
#include <thread>

#include "tests/sessions/service_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::Not;

/// Action 0 stops in the middle until it is released.
class SessionOrderTest : public ServiceFixture {
 protected:
  static constexpr std::int64_t kHold = 0;

  SessionOrderTest() {
    script.on_action = [this](std::int64_t action, auto&, const auto&) {
      if (action == kHold) {
        held_.arrive();
        release_.wait();
      }
      return grpc::Status::OK;
    };
  }

  /// Holds `session` in the middle of a step.
  StepCall hold(Session::Id session) {
    StepCall call = step(session, {kHold});
    held_.wait();
    return call;
  }

  Latch held_;
  Latch release_;
};

// --------------------------------------------------------------------------------- one session

TEST_F(SessionOrderTest, StepsRunInTheOrderTheyCame) {
  serve();
  const Session::Id session = started();
  std::vector<StepCall> calls;
  calls.push_back(hold(session));
  for (int action = 1; action <= 20; ++action) {
    calls.push_back(step(session, {action}));
  }
  for (const StepCall& call : calls) {
    EXPECT_FALSE(call->answered());
  }
  release_.open();
  for (const StepCall& call : calls) {
    EXPECT_EQ(failure(call->get()), "OK");
  }
  std::vector<std::int64_t> expected(21);
  std::iota(expected.begin(), expected.end(), 0);
  EXPECT_EQ(history(session), expected);
}

TEST_F(SessionOrderTest, ParametersAndForksWaitTheirTurnAmongTheSteps) {
  script.on_parameter = [this](const auto& key, const auto&, auto& reply) {
    script.record(key);
    reply = "";
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  //   step 0 (held) | parameter | step 1 | fork | step 2
  const StepCall first = hold(session);
  const ParameterCall parameter_call = parameter(session, "parameter");
  const StepCall second = step(session, {1});
  const ForkCall fork_call = fork(session);
  const StepCall third = step(session, {2});
  EXPECT_THAT(script.events(), Not(Contains("parameter")));

  release_.open();

  const Result<ForkSessionReply> fork_reply = fork_call->get();
  ASSERT_TRUE(fork_reply) << failure(fork_reply);
  EXPECT_EQ(failure(third->get()), "OK");
  EXPECT_THAT(history(fork_reply->session_id()), ElementsAre(0, 1))
      << "after the step before it, before the step after it";
  EXPECT_THAT(history(session), ElementsAre(0, 1, 2));
  EXPECT_EQ(failure(parameter_call->get()), "OK");
  EXPECT_THAT(script.events(), ElementsAre("session init", "parameter", "session fork"));
}

TEST_F(SessionOrderTest, ManyCallersOfOneSessionNeverOverlap) {
  constexpr int kCallers = 4;
  constexpr int kSteps = 100;
  serve({.max_queued_steps = kCallers});
  const Session::Id session = started();
  std::vector<std::jthread> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.emplace_back([this, session] {
      for (int i = 1; i <= kSteps; ++i) {
        EXPECT_EQ(failure(step(session, {i}, {0, 1})->get()), "OK");
      }
    });
  }
  callers.clear();
  EXPECT_EQ(history(session).size(), std::size_t{kCallers * kSteps});
  EXPECT_EQ(script.overlaps, 0);
}

// ---------------------------------------------------------------------------------- many sessions

TEST_F(SessionOrderTest, DifferentSessionsRunInParallel) {
  // Each step waits until all sessions are in the middle of one.
  Latch all_inside(kWorkers);
  script.on_action = [&](std::int64_t, auto&, const auto&) {
    all_inside.arrive_and_wait();
    return grpc::Status::OK;
  };
  serve();
  std::vector<StepCall> calls;
  for (std::size_t i = 0; i < kWorkers; ++i) {
    calls.push_back(step(started(), {1}));
  }
  for (const StepCall& call : calls) {
    EXPECT_EQ(failure(call->get()), "OK");
  }
}

TEST_F(SessionOrderTest, ASessionInTheMiddleOfAStepHoldsUpNoOther) {
  serve();
  const Session::Id busy = started();
  const Session::Id other = started();
  const StepCall held = hold(busy);
  EXPECT_EQ(failure(step(other, {1})->get()), "OK");
  EXPECT_THAT(history(forked(other)), ElementsAre(1));
  EXPECT_EQ(remaining_after_end(other), 2);
  EXPECT_EQ(failure(start()), "OK");
  EXPECT_FALSE(held->answered());
  release_.open();
  EXPECT_EQ(failure(held->get()), "OK");
}

TEST_F(SessionOrderTest, AStartingSessionHoldsUpNoOther) {
  script.on_init = [this](const Benchmark& benchmark) {
    if (benchmark.uri() == "benchmark://slow/1") {
      held_.arrive();
      release_.wait();
    }
    return grpc::Status::OK;
  };
  serve();
  const Session::Id open = started();
  auto starting = std::async(std::launch::async, [this] { return start("benchmark://slow/1"); });
  held_.wait();
  EXPECT_EQ(failure(step(open, {1})->get()), "OK");
  EXPECT_EQ(failure(start("benchmark://quick/1")), "OK");
  release_.open();
  EXPECT_EQ(failure(get_within_watchdog(std::move(starting))), "OK");
}

TEST_F(SessionOrderTest, ASessionWithMuchToDoLetsOthersInBetween) {
  // With one worker the order is fixed: it takes what has waited longest, whichever session that is of.
  WorkerPool one_worker({.threads = 1}, logger);
  std::mutex mutex;
  std::vector<std::int64_t> order;
  script.on_action = [&, hold = script.on_action](std::int64_t action, auto& effects,
                                                  const auto& stop) {
    {
      const std::lock_guard lock(mutex);
      order.push_back(action);
    }
    return hold(action, effects, stop);
  };
  SessionService single(
      [this](CompilerGymServiceContext& context) {
        return std::make_unique<ScriptedSession>(context, script);
      },
      context_host, one_worker, {});
  ASSERT_TRUE(single.load_spaces().ok());
  std::vector<std::future<grpc::Status>> answers;
  std::vector<std::unique_ptr<StepRequest>> requests;
  std::vector<std::unique_ptr<StepReply>> replies;
  const auto submit = [&](Session::Id session, std::int64_t action) {
    requests.push_back(std::make_unique<StepRequest>());
    replies.push_back(std::make_unique<StepReply>());
    requests.back()->set_session_id(session);
    *requests.back()->add_action() = int64_event(action);
    answers.push_back(single.async_step(*requests.back(), *replies.back(), std::stop_source(),
                                        boost::asio::use_future));
  };
  for (int i = 0; i < 2; ++i) {
    StartSessionRequest request;
    *request.mutable_benchmark() = make_benchmark("benchmark://test/1");
    StartSessionReply reply;
    ASSERT_TRUE(get_within_watchdog(single.async_start_session(request, reply, std::stop_source(),
                                                               boost::asio::use_future))
                    .ok());
  }

  submit(0, kHold);
  held_.wait();
  submit(0, 1);
  submit(0, 2);
  submit(1, 10);
  submit(1, 11);
  release_.open();

  for (auto& answer : answers) {
    EXPECT_TRUE(get_within_watchdog(std::move(answer)).ok());
  }
  EXPECT_THAT(order, ElementsAre(0, 10, 1, 11, 2));
  get_within_watchdog(single.async_end_all(boost::asio::use_future));
}

// ------------------------------------------------------------------------------- the queue's bound

TEST_F(SessionOrderTest, AFullQueueRefusesAtOnceAndSaysWhoseAndHowMany) {
  serve({.max_queued_steps = 2});
  static_cast<void>(started());
  const Session::Id session = started();
  std::vector<StepCall> accepted;
  accepted.push_back(hold(session));
  accepted.push_back(step(session, {1}));
  accepted.push_back(step(session, {2}));

  constexpr auto* kRefusal =
      "RESOURCE_EXHAUSTED: Session 1: 2 requests are waiting already, the limit is 2";
  const StepCall refused = step(session, {3});
  EXPECT_TRUE(refused->answered()) << "now rather than later";
  EXPECT_EQ(failure(refused->get()), kRefusal);
  EXPECT_EQ(failure(parameter(session, "key")->get()), kRefusal);
  EXPECT_EQ(failure(fork(session)->get()), kRefusal);

  release_.open();
  for (const StepCall& call : accepted) {
    EXPECT_EQ(failure(call->get()), "OK");
  }
  EXPECT_THAT(history(session), ElementsAre(0, 1, 2));
}

TEST_F(SessionOrderTest, AFullQueueOfOneSessionIsNoneOfTheOthers) {
  serve({.max_queued_steps = 1});
  const Session::Id full = started();
  const Session::Id other = started();
  const StepCall held = hold(full);
  const StepCall waiting = step(full, {1});
  EXPECT_EQ(failure(step(other, {1})->get()), "OK");
  release_.open();
}

TEST_F(SessionOrderTest, WaitingRequestsWhoseClientsLeftMakeRoom) {
  serve({.max_queued_steps = 2});
  const Session::Id session = started();
  const StepCall held = hold(session);
  const StepCall abandoned = step(session, {1});
  const StepCall patient = step(session, {2});
  abandoned->stop.request_stop();

  const StepCall newcomer = step(session, {3});
  EXPECT_EQ(failure(abandoned->get()), "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_FALSE(newcomer->answered());

  release_.open();
  EXPECT_EQ(failure(newcomer->get()), "OK");
  EXPECT_THAT(history(session), ElementsAre(0, 2, 3));
}

TEST_F(SessionOrderTest, ARequestWhoseClientLeftBeforeItsTurnIsNotRun) {
  serve();
  const Session::Id session = started();
  const StepCall held = hold(session);
  const StepCall abandoned = step(session, {1});
  const ForkCall abandoned_fork = fork(session);
  const StepCall patient = step(session, {2});
  abandoned->stop.request_stop();
  abandoned_fork->stop.request_stop();
  release_.open();
  EXPECT_EQ(failure(abandoned->get()), "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_EQ(failure(abandoned_fork->get()), "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_EQ(failure(patient->get()), "OK");
  EXPECT_THAT(history(session), ElementsAre(0, 2));
  EXPECT_EQ(service->session_count(), 1U);
}

}  // namespace
}  // namespace compiler_gym::testing
