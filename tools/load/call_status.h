// What the status of a call says to the one who made it.
#pragma once

#include <grpcpp/support/status.h>

#include <string>

namespace compiler_gym {

/// The same status, its text preceded by what was attempted.
[[nodiscard]] inline grpc::Status in_context(const std::string& attempt,
                                             const grpc::Status& status) {
  return status.ok() ? status
                     : grpc::Status(status.error_code(), attempt + ": " + status.error_message());
}

/// Whether the session may be presumed to work after a call on it failed.
[[nodiscard]] inline bool leaves_session_usable(const grpc::Status& status) {
  return status.ok() || status.error_code() == grpc::StatusCode::INVALID_ARGUMENT ||
         status.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
}

}  // namespace compiler_gym
