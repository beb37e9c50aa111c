#include "sessions/graph/step_keys.h"

#include <algorithm>
#include <string_view>

namespace compiler_gym::graph {
namespace {

// No action's bytes are to be taken for a parameter's.
constexpr char kAction = 'a';
constexpr char kParameter = 'p';

template <typename Message>
std::string name(char kind, const Message& message) {
  std::string change(1, kind);
  message.AppendToString(&change);
  return change;
}

template <typename Message>
bool parse(char kind, const std::string& change, Message& message) {
  return change.starts_with(kind) &&
         message.ParseFromArray(change.data() + 1, static_cast<int>(change.size()) - 1);
}

}  // namespace

std::string change_of(const Event& action) {
  return name(kAction, action);
}
std::string change_of(const SessionParameter& parameter) {
  return name(kParameter, parameter);
}
bool parse_change(const std::string& change, Event& action) {
  return parse(kAction, change, action);
}
bool parse_change(const std::string& change, SessionParameter& parameter) {
  return parse(kParameter, change, parameter);
}

bool is_deterministic(const ServiceSpaces& spaces, int observation_space) {
  const Result<const ObservationSpace*> space = spaces.observation_space(observation_space);
  return space && (*space)->deterministic();
}

bool are_deterministic(const ServiceSpaces& spaces,
                       const google::protobuf::RepeatedField<int>& observation_spaces) {
  return std::ranges::all_of(observation_spaces,
                             [&](int space) { return is_deterministic(spaces, space); });
}

StepKeys::StepKeys(const StepRequest& request, const ServiceSpaces& spaces)
    : observations(indices(request.observation_space())),
      can_be_known(are_deterministic(spaces, request.observation_space())) {
  actions.reserve(static_cast<std::size_t>(request.action_size()));
  for (const Event& action : request.action()) {
    actions.push_back(change_of(action));
  }
}

}  // namespace compiler_gym::graph
