#include "tests/support/history_session.h"

namespace compiler_gym::testing {

std::vector<ActionSpace> HistorySession::getActionSpaces() const {
  std::vector<ActionSpace> spaces(2);
  spaces[0].set_name("first");
  spaces[1].set_name("second");
  for (ActionSpace& space : spaces) {
    space.mutable_space()->mutable_int64_value();
  }
  return spaces;
}

std::vector<ObservationSpace> HistorySession::getObservationSpaces() const {
  std::vector<ObservationSpace> spaces;
  add_space(spaces, "history").mutable_space()->mutable_int64_sequence();
  return spaces;
}

grpc::Status HistorySession::init(CompilationSession* other) {
  history_ = static_cast<HistorySession*>(other)->history_;
  return grpc::Status::OK;
}

grpc::Status HistorySession::computeObservation(const ObservationSpace& /*observationSpace*/,
                                                Event& observation) {
  auto& tensor = *observation.mutable_int64_tensor();
  tensor.add_shape(static_cast<std::int64_t>(history_.size()));
  tensor.mutable_value()->Add(history_.begin(), history_.end());
  return grpc::Status::OK;
}

ObservationSpace& HistorySession::add_space(std::vector<ObservationSpace>& spaces,
                                            const char* name) {
  ObservationSpace& space = spaces.emplace_back();
  space.set_name(name);
  return space;
}

}  // namespace compiler_gym::testing
