// What the compilers of the tests have in common: a session that remembers its actions.
#pragma once

#include <cstdint>
#include <vector>

#include "sessions/compilation_session.h"

namespace compiler_gym::testing {

/// Two action spaces, `first` and `second`, of any int64; an observation space, `history`, an int64
/// tensor of the actions applied so far. Forks copy the history; a derived class adds to it.
class HistorySession : public CompilationSession {
 public:
  using CompilationSession::CompilationSession;

  std::vector<ActionSpace> getActionSpaces() const override;
  std::vector<ObservationSpace> getObservationSpaces() const override;
  using CompilationSession::init;
  grpc::Status init(CompilationSession* other) override;
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override;

 protected:
  /// Adds another observation space.
  static ObservationSpace& add_space(std::vector<ObservationSpace>& spaces, const char* name);

  std::vector<std::int64_t> history_;
};

}  // namespace compiler_gym::testing
