// What an operation came to that ends with a status or with an exception.
#pragma once

#include <grpcpp/support/status.h>

#include <exception>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym::internal {

/// `returned`, unless there is an exception: then status_from_current_exception().
[[nodiscard]] inline grpc::Status operation_status(const std::exception_ptr& error,
                                                   grpc::Status returned) {
  if (error == nullptr) {
    return returned;
  }
  try {
    std::rethrow_exception(error);
  } catch (...) {
    return status_from_current_exception();
  }
}

}  // namespace compiler_gym::internal
