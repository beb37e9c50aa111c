// What Step does to a session and what its client hears, as tables: they hold wherever a session runs.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "tests/support/scripted_plugin.h"

namespace compiler_gym::testing {

inline ActionSpace space_named(const std::string& name) {
  ActionSpace space;
  space.set_name(name);
  return space;
}

/// Actions of the scripted session: 1 has no effect, 2 ends the session, 3 and 4 set a new action
/// space, negative ones are out of range, all others just go into its history.
inline grpc::Status apply_by_the_rules(std::int64_t action, PluginScript::ActionEffects& effects,
                                       const std::stop_token& /*stop*/) {
  effects.had_no_effect = action == 1;
  effects.end_of_session = action == 2;
  if (action == 3 || action == 4) {
    effects.new_action_space = space_named(action == 3 ? "third" : "fourth");
  }
  return action < 0 ? grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "Out-of-range")
                    : grpc::Status::OK;
}

struct StepRow {
  const char* name;
  const char* request;
  const char* reply;
  std::vector<std::int64_t> history;
};

inline const std::vector<StepRow> kStepRows{
    StepRow{"Nothing", "", "action_had_no_effect: true", {}},
    StepRow{"ObservationOnly",
            "observation_space: 0",
            "action_had_no_effect: true observation { int64_tensor { shape: 0 } }",
            {}},
    StepRow{"OneAction", "action { int64_value: 7 }", "", {7}},
    StepRow{"ManyActionsInOrder",
            "action { int64_value: 9 } action { int64_value: 8 } action { int64_value: 9 }",
            "",
            {9, 8, 9}},
    StepRow{"ObservationsComeAfterTheActions",
            "observation_space: 0 action { int64_value: 7 }",
            "observation { int64_tensor { shape: 1 value: 7 } }",
            {7}},
    StepRow{"ObservationsInTheOrderAskedWithDuplicates",
            "action { int64_value: 7 } observation_space: [1, 0, 1, 0]",
            "observation { string_value: 'benchmark://test/1' } observation { int64_tensor { "
            "shape: 1 value: 7 } }"
            "observation { string_value: 'benchmark://test/1' } observation { int64_tensor { "
            "shape: 1 value: 7 } }",
            {7}},
    StepRow{"ActionWithoutEffect", "action { int64_value: 1 }", "action_had_no_effect: true", {1}},
    StepRow{"AllWithoutEffect",
            "action { int64_value: 1 } action { int64_value: 1 }",
            "action_had_no_effect: true",
            {1, 1}},
    StepRow{"LastWithoutEffect", "action { int64_value: 7 } action { int64_value: 1 }", "", {7, 1}},
    StepRow{
        "FirstWithoutEffect", "action { int64_value: 1 } action { int64_value: 7 }", "", {1, 7}},
    StepRow{"EndStopsTheRemainingActions",
            "action { int64_value: 7 } action { int64_value: 2 } action { int64_value: 8 }",
            "end_of_session: true",
            {7, 2}},
    StepRow{"EndStopsBadActionsToo",
            "action { int64_value: 2 } action { int64_value: -1 }",
            "end_of_session: true",
            {2}},
    StepRow{"EndLeavesTheObservations",
            "action { int64_value: 2 } action { int64_value: 7 } observation_space: [0, 0]",
            "end_of_session: true observation { int64_tensor { shape: 1 value: 2 } }"
            "observation { int64_tensor { shape: 1 value: 2 } }",
            {2}},
    StepRow{"ActionsNotAppliedHaveNoSay",
            "action { int64_value: 1 } action { int64_value: 2 } action { int64_value: 1 }",
            "end_of_session: true",
            {1, 2}},
    StepRow{
        "NewActionSpace", "action { int64_value: 3 }", "new_action_space { name: 'third' }", {3}},
    StepRow{"LastNewActionSpaceCounts",
            "action { int64_value: 3 } action { int64_value: 4 }",
            "new_action_space { name: 'fourth' }",
            {3, 4}},
    StepRow{"NewActionSpaceOutlivesTheNextAction",
            "action { int64_value: 3 } action { int64_value: 7 }",
            "new_action_space { name: 'third' }",
            {3, 7}}};

struct FailedStepRow {
  const char* name;
  const char* request;
  const char* status;
  std::vector<std::int64_t> history;
};

inline const std::vector<FailedStepRow> kFailedStepRows{
    FailedStepRow{"BadAction", "action { int64_value: -1 }", "INVALID_ARGUMENT: Out-of-range", {}},
    FailedStepRow{"ActionsBeforeTheBadOneStay",
                  "action { int64_value: 7 } action { int64_value: 8 } "
                  "action { int64_value: -1 } action { int64_value: 9 }",
                  "INVALID_ARGUMENT: Out-of-range",
                  {7, 8}},
    FailedStepRow{"ObservationBeyond",
                  "action { int64_value: 7 } observation_space: 2",
                  "INVALID_ARGUMENT: Observation space index out of range: 2",
                  {7}},
    FailedStepRow{"ObservationNegative",
                  "action { int64_value: 7 } observation_space: [0, -1]",
                  "INVALID_ARGUMENT: Observation space index out of range: -1",
                  {7}},
    FailedStepRow{"ObservationAfterSeveralActions",
                  "action { int64_value: 7 } action { int64_value: 8 } observation_space: 2",
                  "INVALID_ARGUMENT: Observation space index out of range: 2",
                  {7, 8}},
    FailedStepRow{"TheActionFailsBeforeTheObservation",
                  "action { int64_value: -1 } observation_space: 2",
                  "INVALID_ARGUMENT: Out-of-range",
                  {}}};

}  // namespace compiler_gym::testing
