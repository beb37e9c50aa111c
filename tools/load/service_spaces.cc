#include "tools/load/service_spaces.h"

#include <algorithm>
#include <cstddef>

namespace compiler_gym {
namespace {

template <typename Spaces>
Result<int> find_by_name(const Spaces& spaces, const std::string& name, const char* kind) {
  std::string names;
  for (int i = 0; i < spaces.size(); ++i) {
    if (spaces[i].name() == name) {
      return i;
    }
    names += (i == 0 ? "" : ", ") + spaces[i].name();
  }
  return not_found("the service has no " + std::string(kind) + " '" + name + "'; it has " + names);
}

}  // namespace

Result<int> find_action_space(const GetSpacesReply& spaces, const std::string& name) {
  return find_by_name(spaces.action_space_list(), name, "action space");
}

Result<int> find_observation_space(const GetSpacesReply& spaces, const std::string& name) {
  return find_by_name(spaces.observation_space_list(), name, "observation space");
}

Result<std::vector<std::string>> action_names(const ActionSpace& space) {
  if (space.space().has_named_discrete()) {
    const auto& names = space.space().named_discrete().name();
    return std::vector<std::string>(names.begin(), names.end());
  }
  CommandlineSpace flags;
  if (space.space().has_any_value() && space.space().any_value().UnpackTo(&flags)) {
    return std::vector<std::string>(flags.name().begin(), flags.name().end());
  }
  return failed_precondition("the actions of action space '" + space.name() + "' have no names");
}

Result<std::int64_t> count_actions(const ActionSpace& space) {
  if (space.space().has_discrete()) {
    return space.space().discrete().n();
  }
  const auto names = action_names(space);
  if (!names || names->empty()) {
    return failed_precondition("the actions of action space '" + space.name() +
                               "' are not integers from 0 on");
  }
  return static_cast<std::int64_t>(names->size());
}

Result<std::vector<std::int64_t>> actions_without(const ActionSpace& space,
                                                  const std::vector<std::string>& avoided) {
  const Result<std::vector<std::string>> names = action_names(space);
  if (!names) {
    return names.error();
  }
  for (const std::string& name : avoided) {
    if (std::ranges::find(*names, name) == names->end()) {
      return not_found("action space '" + space.name() + "' has no action '" + name + "'");
    }
  }
  std::vector<std::int64_t> left;
  for (std::size_t i = 0; i < names->size(); ++i) {
    if (std::ranges::find(avoided, (*names)[i]) == avoided.end()) {
      left.push_back(static_cast<std::int64_t>(i));
    }
  }
  if (left.empty()) {
    return invalid_argument("all actions of action space '" + space.name() + "' are to be avoided");
  }
  return left;
}

}  // namespace compiler_gym
