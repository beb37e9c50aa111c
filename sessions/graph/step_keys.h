// What a step asks for, in the state graph's terms.
#pragma once

#include <boost/container/small_vector.hpp>
#include <cstddef>
#include <span>
#include <string>

#include "proto/compiler_gym_service.pb.h"
#include "sessions/service_spaces.h"

namespace compiler_gym::graph {

/// The names of changes in the graph: an action's, and a parameter's.
[[nodiscard]] std::string change_of(const Event& action);
[[nodiscard]] std::string change_of(const SessionParameter& parameter);

/// What a change was made of. False if that is not what it is.
[[nodiscard]] bool parse_change(const std::string& change, Event& action);
[[nodiscard]] bool parse_change(const std::string& change, SessionParameter& parameter);

/// Lifetime: refers to the request.
struct StepKeys {
  StepKeys(const StepRequest& request, const ServiceSpaces& spaces);

  /// Short names are kept in place: an answer that is known should not cost an allocation.
  boost::container::small_vector<std::string, 2> actions;
  std::span<const int> observations;
  /// Whether all observations are deterministic, so that the whole answer can be remembered.
  bool can_be_known;
};

[[nodiscard]] inline std::span<const int> indices(
    const google::protobuf::RepeatedField<int>& observation_spaces) {
  return {observation_spaces.data(), static_cast<std::size_t>(observation_spaces.size())};
}

/// Whether there is such a space, and its observations are the same each time.
[[nodiscard]] bool is_deterministic(const ServiceSpaces& spaces, int observation_space);
[[nodiscard]] bool are_deterministic(
    const ServiceSpaces& spaces, const google::protobuf::RepeatedField<int>& observation_spaces);

}  // namespace compiler_gym::graph
