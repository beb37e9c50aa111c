// What a service says about its spaces, as a client needs it to make requests.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// Indices into the lists of a GetSpacesReply.
/// Errors: NOT_FOUND, with the names there are.
[[nodiscard]] Result<int> find_action_space(const GetSpacesReply& spaces, const std::string& name);
[[nodiscard]] Result<int> find_observation_space(const GetSpacesReply& spaces,
                                                 const std::string& name);

/// How many actions there are in a space whose actions are integers from 0 on. FAILED_PRECONDITION if
/// it is of another kind.
[[nodiscard]] Result<std::int64_t> count_actions(const ActionSpace& space);

/// The actions that may be drawn of a space: all of it without those of these names.
/// Errors: NOT_FOUND with a name that no action has; INVALID_ARGUMENT if none is left; and those of
///         action_names().
[[nodiscard]] Result<std::vector<std::int64_t>> actions_without(
    const ActionSpace& space, const std::vector<std::string>& avoided);

/// The names of the actions; FAILED_PRECONDITION if the space has none.
[[nodiscard]] Result<std::vector<std::string>> action_names(const ActionSpace& space);

}  // namespace compiler_gym
