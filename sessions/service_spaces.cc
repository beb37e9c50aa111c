#include "sessions/service_spaces.h"

#include <utility>

#include "sessions/compilation_session.h"

namespace compiler_gym {

Result<ServiceSpaces> ServiceSpaces::of(const CompilationSession& session) {
  ServiceSpaces spaces;
  try {
    spaces.compiler_version_ = session.getCompilerVersion();
    for (ActionSpace& space : session.getActionSpaces()) {
      *spaces.reply_.add_action_space_list() = std::move(space);
    }
    for (ObservationSpace& space : session.getObservationSpaces()) {
      *spaces.reply_.add_observation_space_list() = std::move(space);
    }
  } catch (...) {
    return status_from_current_exception();
  }
  if (spaces.reply_.action_space_list().empty()) {
    return failed_precondition("the compilation session has no action space: at least 1 is needed");
  }
  if (spaces.reply_.observation_space_list().empty()) {
    return failed_precondition(
        "the compilation session has no observation space: at least 1 is needed");
  }
  return spaces;
}

Result<const ActionSpace*> ServiceSpaces::action_space(int index) const {
  if (index < 0 || index >= reply_.action_space_list_size()) {
    return invalid_argument("Action space index out of range: " + std::to_string(index));
  }
  return &reply_.action_space_list(index);
}

Result<const ObservationSpace*> ServiceSpaces::observation_space(int index) const {
  if (index < 0 || index >= reply_.observation_space_list_size()) {
    return invalid_argument("Observation space index out of range: " + std::to_string(index));
  }
  return &reply_.observation_space_list(index);
}

}  // namespace compiler_gym
