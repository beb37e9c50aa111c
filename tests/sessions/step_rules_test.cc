// CONTRACT.md 5 and 2.5, row by row: what Step does to a session, and what its client hears.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <stdexcept>

#include "sessions/session_rules.h"
#include "tests/sessions/call_log_session.h"
#include "tests/sessions/parse_proto.h"
#include "tests/sessions/step_rows.h"
#include "tests/support/scripted_plugin.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;

class StepRulesTest : public ::testing::Test {
 protected:
  StepRulesTest() {
    script_.on_action = apply_by_the_rules;
    EXPECT_TRUE(session_.init(ActionSpace(), make_benchmark("benchmark://test/1")).ok());
  }

  std::string step(const std::string& request) { return step(request, session_); }
  std::string step(const std::string& request, CompilationSession& session) {
    const ServiceSpaces spaces = *ServiceSpaces::of(session);
    reply_.Clear();
    return to_string(
        run_step(session, spaces, parse_proto<StepRequest>(request), reply_, std::stop_token()));
  }

  std::vector<std::int64_t> history() {
    EXPECT_EQ(step("observation_space: 0"), "OK");
    const auto& values = reply_.observation(0).int64_tensor().value();
    return {values.begin(), values.end()};
  }

  PluginScript script_;
  DefaultCompilerGymServiceContext context_{"/service"};
  ScriptedSession session_{context_, script_};
  StepReply reply_;
};

class StepRowsTest : public StepRulesTest, public ::testing::WithParamInterface<StepRow> {};

TEST_P(StepRowsTest, Row) {
  EXPECT_EQ(step(GetParam().request), "OK");
  EXPECT_THAT(reply_, IsProto(GetParam().reply));
  EXPECT_EQ(history(), GetParam().history);
}

INSTANTIATE_TEST_SUITE_P(, StepRowsTest, ::testing::ValuesIn(kStepRows),
                         [](const auto& row) { return row.param.name; });

class FailedStepTest : public StepRulesTest, public ::testing::WithParamInterface<FailedStepRow> {};

TEST_P(FailedStepTest, Row) {
  EXPECT_EQ(step(GetParam().request), GetParam().status);
  EXPECT_EQ(history(), GetParam().history) << "what was applied stays, and the session lives on";
}

INSTANTIATE_TEST_SUITE_P(, FailedStepTest, ::testing::ValuesIn(kFailedStepRows),
                         [](const auto& row) { return row.param.name; });

TEST_F(StepRulesTest, CallsTheSessionInOrder) {
  std::vector<std::string> log;
  CallLogSession session(context_, log);
  EXPECT_EQ(step("action { int64_value: 5 } action {} action { int64_value: 6 }"
                 "observation_space: [1, 0]",
                 session),
            "OK");
  EXPECT_THAT(log, ElementsAre("apply 5", "apply nothing", "apply 6", "observe y", "observe x",
                               "end of step:"));
  log.clear();
  EXPECT_EQ(step("observation_space: 0", session), "OK");
  EXPECT_THAT(log, ElementsAre("observe x", "end of step: no effect"));
}

TEST_F(StepRulesTest, EveryActionStartsWithItsResultsUnset) {
  std::vector<std::string> log;
  CallLogSession session(context_, log);
  step("action { int64_value: 1 } action { int64_value: 2 }", session);
  EXPECT_THAT(log, ElementsAre("apply 1", "apply 2", "end of step:"));
}

TEST_F(StepRulesTest, AnObservationThatDoesNotApplyIsAnEventWithoutValue) {
  script_.on_observation = [](const auto&, Event& observation) {
    observation.clear_value();
    return grpc::Status::OK;
  };
  EXPECT_EQ(step("observation_space: [0, 1]"), "OK");
  ASSERT_EQ(reply_.observation_size(), 2);
  EXPECT_EQ(reply_.observation(0).value_case(), Event::VALUE_NOT_SET);
  EXPECT_EQ(reply_.observation(1).value_case(), Event::VALUE_NOT_SET);
}

// --------------------------------------------------------------------------- the end-of-step hook

TEST_F(StepRulesTest, TheHookHearsOfTheStepAndHasTheLastWord) {
  bool heard_no_effect = true;
  bool heard_end = false;
  script_.on_end_of_step = [&](bool no_effect, PluginScript::ActionEffects& effects) {
    heard_no_effect = no_effect;
    heard_end = effects.end_of_session;
    effects.end_of_session = !effects.end_of_session;
    effects.new_action_space = space_named("of the hook");
    return grpc::Status::OK;
  };
  EXPECT_EQ(step("action { int64_value: 3 }"), "OK");
  EXPECT_FALSE(heard_no_effect);
  EXPECT_FALSE(heard_end);
  EXPECT_THAT(reply_, IsProto("end_of_session: true new_action_space { name: 'of the hook' }"));

  EXPECT_EQ(step("action { int64_value: 1 } action { int64_value: 2 }"), "OK");
  EXPECT_TRUE(heard_end);
  EXPECT_THAT(reply_, IsProto("new_action_space { name: 'of the hook' }"));

  EXPECT_EQ(step(""), "OK");
  EXPECT_TRUE(heard_no_effect);
}

TEST_F(StepRulesTest, AHookThatFailsFailsTheStep) {
  script_.on_end_of_step = [](bool, auto&) {
    return grpc::Status(grpc::StatusCode::DATA_LOSS, "Failed to verify module: phi");
  };
  EXPECT_EQ(step("action { int64_value: 7 }"), "DATA_LOSS: Failed to verify module: phi");
}

// A broken session: whether it still has what was done before is not for us to say.
TEST_F(StepRulesTest, WhatBreaksTheSessionSaysHowMuchWasDoneBefore) {
  script_.on_end_of_step = [](bool, auto&) {
    return grpc::Status(grpc::StatusCode::DATA_LOSS, "Failed to verify module: phi");
  };
  EXPECT_EQ(step("action { int64_value: 7 } action { int64_value: 8 }"),
            "DATA_LOSS: Failed to verify module: phi; 2 of 2 actions were applied before");
}

TEST_F(StepRulesTest, AReplyThatIsTooLargeIsRefusedAndTheSessionLivesOn) {
  script_.on_observation = [](const ObservationSpace&, Event& observation) {
    observation.set_string_value(std::string(600, 'x'));
    return grpc::Status::OK;
  };
  const ServiceSpaces spaces = *ServiceSpaces::of(session_);
  const auto limited_step = [&](const char* request) {
    reply_.Clear();
    return to_string(run_step(session_, spaces, parse_proto<StepRequest>(request), reply_,
                              std::stop_token(), 1000));
  };
  EXPECT_EQ(limited_step("observation_space: 0"), "OK");
  EXPECT_EQ(
      limited_step("action { int64_value: 7 } action { int64_value: 8 } observation_space: [0, "
                   "0, 0]"),
      "RESOURCE_EXHAUSTED: The reply of 1212 bytes exceeds the limit of 1000 "
      "(--max_reply_size); 2 of 2 actions were applied and remain")
      << "and the third was not computed";
  EXPECT_EQ(reply_.observation_size(), 0) << "what is not sent is not kept";
  EXPECT_EQ(limited_step("observation_space: 0"), "OK");
}

TEST_F(StepRulesTest, TheHookIsNotCalledAfterAFailure) {
  int calls = 0;
  script_.on_end_of_step = [&](bool, auto&) {
    ++calls;
    return grpc::Status::OK;
  };
  step("action { int64_value: -1 }");
  step("observation_space: 2");
  EXPECT_EQ(calls, 0);
  step("");
  EXPECT_EQ(calls, 1);
}

// ----------------------------------------------------------------------- statuses and exceptions

/// Makes one of the session's functions end in `failure`.
using Break = void (*)(PluginScript&, grpc::Status (*failure)());

struct Place {
  const char* name;
  Break break_it;
};

constexpr Place kPlaces[] = {
    {"Action",
     [](PluginScript& script, grpc::Status (*failure)()) {
       script.on_action = [failure](std::int64_t, auto&, const auto&) { return failure(); };
     }},
    {"Observation",
     [](PluginScript& script, grpc::Status (*failure)()) {
       script.on_observation = [failure](const auto&, auto&) { return failure(); };
     }},
    {"EndOfStep",
     [](PluginScript& script, grpc::Status (*failure)()) {
       script.on_end_of_step = [failure](bool, auto&) { return failure(); };
     }},
};

struct Failure {
  const char* name;
  grpc::Status (*fail)();
  const char* status;
};

constexpr Failure kFailures[] = {
    {"Cancelled", [] { return grpc::Status(grpc::StatusCode::CANCELLED, "t"); }, "CANCELLED: t"},
    {"Unknown", [] { return grpc::Status(grpc::StatusCode::UNKNOWN, "t"); }, "UNKNOWN: t"},
    {"InvalidArgument", [] { return grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "t"); },
     "INVALID_ARGUMENT: t"},
    {"DeadlineExceeded", [] { return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "t"); },
     "DEADLINE_EXCEEDED: t"},
    {"NotFound", [] { return grpc::Status(grpc::StatusCode::NOT_FOUND, "t"); }, "NOT_FOUND: t"},
    {"ResourceExhausted", [] { return grpc::Status(grpc::StatusCode::RESOURCE_EXHAUSTED, "t"); },
     "RESOURCE_EXHAUSTED: t"},
    {"FailedPrecondition", [] { return grpc::Status(grpc::StatusCode::FAILED_PRECONDITION, "t"); },
     "FAILED_PRECONDITION: t"},
    {"Unimplemented", [] { return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "t"); },
     "UNIMPLEMENTED: t"},
    {"Internal", [] { return grpc::Status(grpc::StatusCode::INTERNAL, "t"); }, "INTERNAL: t"},
    {"Unavailable", [] { return grpc::Status(grpc::StatusCode::UNAVAILABLE, "t"); },
     "UNAVAILABLE: t"},
    {"DataLoss", [] { return grpc::Status(grpc::StatusCode::DATA_LOSS, "t"); }, "DATA_LOSS: t"},
    {"Exception", []() -> grpc::Status { throw std::runtime_error("segment 7 missing"); },
     "INTERNAL: Unhandled exception: segment 7 missing"},
    {"LogicError", []() -> grpc::Status { throw std::invalid_argument("stoi"); },
     "INTERNAL: Unhandled exception: stoi"},
    {"NoStdException", []() -> grpc::Status { throw "a text"; },
     "INTERNAL: Unhandled exception: not derived from std::exception"},
};

class PluginFailureTest : public StepRulesTest,
                          public ::testing::WithParamInterface<std::tuple<Place, Failure>> {};

TEST_P(PluginFailureTest, ReachesTheClientAndTheSessionGoesOn) {
  const auto& [place, failure] = GetParam();
  place.break_it(script_, failure.fail);
  EXPECT_EQ(step("action { int64_value: 7 } observation_space: 1"), failure.status);
  script_.on_action = nullptr;
  script_.on_observation = nullptr;
  script_.on_end_of_step = nullptr;
  EXPECT_EQ(step("action { int64_value: 7 } observation_space: 1"), "OK");
}

INSTANTIATE_TEST_SUITE_P(, PluginFailureTest,
                         ::testing::Combine(::testing::ValuesIn(kPlaces),
                                            ::testing::ValuesIn(kFailures)),
                         [](const auto& row) {
                           return std::string(std::get<0>(row.param).name) +
                                  std::get<1>(row.param).name;
                         });

}  // namespace
}  // namespace compiler_gym::testing
