// For tools that measure, in which an error has no other use than to end them.
#pragma once

#include <grpcpp/support/status.h>

#include <stdexcept>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym {

/// Throws std::runtime_error with the status unless it is OK.
inline void require(const grpc::Status& status) {
  if (!status.ok()) {
    throw std::runtime_error(to_string(status));
  }
}

/// The value; throws as well if there is none.
template <typename T>
T require(Result<T> result) {
  require(result ? grpc::Status::OK : result.error());
  return *std::move(result);
}

}  // namespace compiler_gym
