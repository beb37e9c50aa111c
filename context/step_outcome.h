// What was seen of a step, in the form in which it is remembered.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <memory>
#include <string>
#include <vector>

namespace compiler_gym {

/// A message as it lies on the wire, ready to be sent again. Null: there is none.
using WireBytes = std::shared_ptr<const std::string>;

/// What one action did.
struct ActionOutcome {
  bool had_no_effect = false;
  bool ends_episode = false;
  /// The state is the very same: whatever is done next gives what it would have given before.
  bool left_no_trace = false;
  WireBytes new_action_space{};

  bool operator==(const ActionOutcome&) const = default;
};

/// What the hook at a step's end was told, and what it said.
struct StepEnd {
  bool had_no_effect = true;   ///< of all the step's actions
  bool episode_ended = false;  ///< by one of them
  bool ends_episode = false;
  WireBytes new_action_space{};
  /// In this state it would have said nothing either, whatever it had been told.
  bool only_checks = false;

  /// A number below 4 for what it was told.
  [[nodiscard]] std::size_t index() const {
    return (had_no_effect ? 1U : 0U) + (episode_ended ? 2U : 0U);
  }
};

/// Of a few observations without an allocation: a known answer should not cost one.
using WireBytesList = boost::container::small_vector<WireBytes, 4>;

struct StepObservation {
  int space = 0;      ///< its index
  WireBytes event{};  ///< an Event
};

/// A step that succeeded.
struct StepOutcome {
  std::vector<ActionOutcome> actions{};         ///< none after one that ends the episode
  std::vector<StepObservation> observations{};  ///< that are the same whenever they are asked for
  StepEnd end{};
  /// The hook at its end did what has no place in here.
  bool is_special = false;
};

}  // namespace compiler_gym
