// What holds wherever a session runs: in the service, or in a process of its own.
#include <tuple>

#include "tests/isolated/isolated_fixture.h"
#include "tests/sessions/parse_proto.h"
#include "tests/sessions/step_rows.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;

constexpr ExecutorKind kExecutors[] = {ExecutorKind::kInline, ExecutorKind::kIsolated};

std::string name_of(ExecutorKind kind) {
  return kind == ExecutorKind::kInline ? "Inline" : "Isolated";
}

class ExecutorRulesTest : public IsolatedTest, public ::testing::WithParamInterface<ExecutorKind> {
 protected:
  void serve_with_executor(std::size_t max_queued_steps = 64) {
    isolated::IsolationOptions options;
    options.timeouts.cancel_grace = std::chrono::hours(1);  // nothing here is to be killed
    serve_isolated(options, {.max_queued_steps = max_queued_steps, .executor = GetParam()});
  }
};

INSTANTIATE_TEST_SUITE_P(, ExecutorRulesTest, ::testing::ValuesIn(kExecutors),
                         [](const auto& row) { return name_of(row.param); });

TEST_P(ExecutorRulesTest, StepsApplyActionsAndComputeObservations) {
  serve_with_executor();
  const Session::Id session = started();
  const Result<StepReply> reply = step(session, {3, 1, 2}, {0, 1, 0})->get();
  ASSERT_TRUE(reply) << failure(reply);
  ASSERT_EQ(reply->observation_size(), 3);
  EXPECT_THAT(reply->observation(0).int64_tensor().value(), ElementsAre(3, 1, 2));
  EXPECT_THAT(reply->observation(2).int64_tensor().value(), ElementsAre(3, 1, 2));
  EXPECT_FALSE(reply->end_of_session());
  EXPECT_FALSE(reply->action_had_no_effect());
  const Result<StepReply> empty = step(session, {})->get();
  ASSERT_TRUE(empty) << failure(empty);
  EXPECT_TRUE(empty->action_had_no_effect());
}

TEST_P(ExecutorRulesTest, ABadRequestLeavesTheSessionAsItIs) {
  serve_with_executor();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1, 2, kBadAction, 3})->get()), "INVALID_ARGUMENT: Out-of-range");
  EXPECT_EQ(failure(step(session, {4}, {7})->get()),
            "INVALID_ARGUMENT: Observation space index out of range: 7");
  EXPECT_THAT(history(session), ElementsAre(1, 2, 4));
}

TEST_P(ExecutorRulesTest, ParametersAreOfferedToTheSessionThenToTheService) {
  serve_with_executor();
  const Session::Id session = started();
  SendSessionParameterRequest request;
  request.set_session_id(session);
  for (const auto& [key, value] : std::vector<std::pair<const char*, const char*>>{
           {"echo", "a"},
           {"service.benchmark_cache.get_max_size_in_bytes", ""},
           {"push", "7"},
           {"who knows", ""},
           {"push", "8"}}) {
    request.add_parameter()->set_key(key);
    request.mutable_parameter()->rbegin()->set_value(value);
  }
  SendSessionParameterReply reply;
  EXPECT_EQ(to_string(get_within_watchdog(service->async_send_session_parameter(
                request, reply, std::stop_source(), boost::asio::use_future))),
            "INVALID_ARGUMENT: Unknown parameter: who knows");
  EXPECT_THAT(reply.reply(), ElementsAre("a", "268435456", "7"));
  EXPECT_THAT(history(session), ElementsAre(7));
}

TEST_P(ExecutorRulesTest, AForkHasItsParentsStateAndGoesItsOwnWay) {
  serve_with_executor();
  const Session::Id parent = started();
  EXPECT_EQ(failure(step(parent, {1, 2})->get()), "OK");
  const Session::Id fork = forked(parent);
  EXPECT_EQ(failure(step(fork, {3})->get()), "OK");
  EXPECT_EQ(failure(step(parent, {4})->get()), "OK");
  EXPECT_THAT(history(fork), ElementsAre(1, 2, 3));
  EXPECT_THAT(history(parent), ElementsAre(1, 2, 4));
}

TEST_P(ExecutorRulesTest, AForkOutlivesItsParent) {
  serve_with_executor();
  Session::Id session = started();
  std::vector<std::int64_t> expected;
  for (std::int64_t depth = 0; depth < 20; ++depth) {
    EXPECT_EQ(failure(step(session, {depth})->get()), "OK");
    expected.push_back(depth);
    const Session::Id fork = forked(session);
    EXPECT_EQ(remaining_after_end(session), 1);
    session = fork;
  }
  EXPECT_EQ(history(session), expected);
}

TEST_P(ExecutorRulesTest, StepsOfOneSessionKeepTheirOrder) {
  serve_with_executor();
  const Session::Id session = started();
  std::vector<StepCall> calls;
  std::vector<std::int64_t> expected;
  for (std::int64_t i = 0; i < 50; ++i) {
    calls.push_back(step(session, {i}));
    expected.push_back(i);
  }
  for (const StepCall& call : calls) {
    EXPECT_EQ(failure(call->get()), "OK");
  }
  EXPECT_EQ(history(session), expected);
}

TEST_P(ExecutorRulesTest, LargeMessagesGoThrough) {
  serve_with_executor();
  const Session::Id session = started();
  const std::vector<std::int64_t> actions(300'000, std::int64_t{1} << 40);
  EXPECT_EQ(failure(step(session, actions)->get()), "OK");
  EXPECT_EQ(history(session), actions);
}

TEST_P(ExecutorRulesTest, ARequestThatIsCancelledAlreadyIsNotRun) {
  serve_with_executor();
  const Session::Id session = started();
  std::stop_source cancelled_already;
  cancelled_already.request_stop();
  EXPECT_EQ(failure(step(session, {1}, {}, cancelled_already)->get()),
            "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_EQ(failure(fork(session, cancelled_already)->get()),
            "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_THAT(history(session), ElementsAre());
  EXPECT_EQ(service->session_count(), 1U);
}

TEST_P(ExecutorRulesTest, WhatWaitsWhenItsSessionEndsIsCancelled) {
  FifoGate gate(path("gate"));
  serve_with_executor();
  const Session::Id session = started();
  const Session::Id other = started();
  const StepCall running = step(session, {kWaitAtGate, 1});
  gate.wait_for_arrival();
  const StepCall waiting = step(session, {2});
  const ForkCall waiting_fork = fork(session);
  EXPECT_EQ(remaining_after_end(session), 1) << "the running step is not waited for";
  EXPECT_EQ(failure(waiting->get()), "CANCELLED: Session 0 was ended");
  EXPECT_EQ(failure(waiting_fork->get()), "CANCELLED: Session 0 was ended");
  EXPECT_EQ(failure(step(session, {3})->get()), "NOT_FOUND: Session not found: 0");
  EXPECT_FALSE(running->answered());
  gate.let_pass();
  EXPECT_EQ(failure(running->get()),
            "CANCELLED: Step cancelled; 1 of 2 actions were applied and remain");
  EXPECT_THAT(history(other), ElementsAre());
}

TEST_P(ExecutorRulesTest, ASessionInTheMiddleOfAStepHoldsUpNoOther) {
  FifoGate gate(path("gate"));
  serve_with_executor();
  const Session::Id busy = started();
  const Session::Id other = started();
  const StepCall held = step(busy, {kWaitAtGate});
  gate.wait_for_arrival();
  EXPECT_EQ(failure(step(other, {1})->get()), "OK");
  EXPECT_THAT(history(forked(other)), ElementsAre(1));
  EXPECT_EQ(remaining_after_end(other), 2);
  EXPECT_EQ(failure(start()), "OK");
  EXPECT_FALSE(held->answered());
  gate.let_pass();
  EXPECT_EQ(failure(held->get()), "OK");
}

TEST_P(ExecutorRulesTest, AFullQueueRefusesAtOnce) {
  FifoGate gate(path("gate"));
  serve_with_executor(1);
  const Session::Id session = started();
  const StepCall running = step(session, {kWaitAtGate});
  gate.wait_for_arrival();
  const StepCall waiting = step(session, {1});
  const StepCall refused = step(session, {2});
  EXPECT_TRUE(refused->answered()) << "now rather than later";
  EXPECT_EQ(failure(refused->get()),
            "RESOURCE_EXHAUSTED: Session 0: 1 requests are waiting already, the limit is 1");
  gate.let_pass();
  EXPECT_EQ(failure(running->get()), "OK");
  EXPECT_EQ(failure(waiting->get()), "OK");
  EXPECT_THAT(history(session), ElementsAre(kWaitAtGate, 1));
}

// ------------------------------------------------------------------------------------ row by row

/// Before the zygote, whose sandboxes have a copy of it.
class OwnsRules {
 protected:
  OwnsRules() { rules.on_action = apply_by_the_rules; }
  PluginScript rules;
};

template <typename Row>
class StepRowsEverywhere : protected OwnsRules,
                           public IsolatedTest,
                           public ::testing::WithParamInterface<std::tuple<ExecutorKind, Row>> {
 protected:
  StepRowsEverywhere()
      : IsolatedTest({.make_session = [this](CompilerGymServiceContext& context) {
          return std::make_unique<ScriptedSession>(context, rules);
        }}) {
    serve_isolated({}, {.executor = std::get<ExecutorKind>(this->GetParam())});
    session = started();
  }

  std::string step_by(const std::string& text) {
    auto request = parse_proto<StepRequest>(text);
    request.set_session_id(session);
    return to_string(get_within_watchdog(
        service->async_step(request, reply, std::stop_source(), boost::asio::use_future)));
  }

  Session::Id session = -1;
  StepReply reply;
};

class StepRowsEverywhereTest : public StepRowsEverywhere<StepRow> {};

TEST_P(StepRowsEverywhereTest, Row) {
  const StepRow& row = std::get<StepRow>(GetParam());
  EXPECT_EQ(step_by(row.request), "OK");
  EXPECT_THAT(reply, IsProto(row.reply));
  EXPECT_EQ(history(session), row.history);
}

class FailedStepEverywhereTest : public StepRowsEverywhere<FailedStepRow> {};

TEST_P(FailedStepEverywhereTest, Row) {
  const FailedStepRow& row = std::get<FailedStepRow>(GetParam());
  EXPECT_EQ(step_by(row.request), row.status);
  EXPECT_EQ(history(session), row.history) << "what was applied stays, and the session lives on";
}

constexpr auto kRowName = [](const auto& row) {
  return name_of(std::get<0>(row.param)) + std::get<1>(row.param).name;
};

INSTANTIATE_TEST_SUITE_P(, StepRowsEverywhereTest,
                         ::testing::Combine(::testing::ValuesIn(kExecutors),
                                            ::testing::ValuesIn(kStepRows)),
                         kRowName);
INSTANTIATE_TEST_SUITE_P(, FailedStepEverywhereTest,
                         ::testing::Combine(::testing::ValuesIn(kExecutors),
                                            ::testing::ValuesIn(kFailedStepRows)),
                         kRowName);

}  // namespace
}  // namespace compiler_gym::testing
