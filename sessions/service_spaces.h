// What a service offers: its spaces and its compiler's version, asked once from the plug-in.
#pragma once

#include <string>
#include <vector>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

class CompilationSession;

/// Immutable: the same answers for the life of the service, so that a client's indices keep their
/// meaning.
class ServiceSpaces {
 public:
  /// Asks a session that was never initialised. FAILED_PRECONDITION if it has no action space or no
  /// observation space; INTERNAL if it throws.
  [[nodiscard]] static Result<ServiceSpaces> of(const CompilationSession& session);

  /// INVALID_ARGUMENT `Action space index out of range: <i>`.
  [[nodiscard]] Result<const ActionSpace*> action_space(int index) const;
  /// INVALID_ARGUMENT `Observation space index out of range: <i>`.
  [[nodiscard]] Result<const ObservationSpace*> observation_space(int index) const;

  [[nodiscard]] const GetSpacesReply& reply() const { return reply_; }
  [[nodiscard]] const std::string& compiler_version() const { return compiler_version_; }

 private:
  GetSpacesReply reply_;
  std::string compiler_version_;
};

}  // namespace compiler_gym
