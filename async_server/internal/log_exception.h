// For completion handlers of coroutines that nobody waits for the result of.
#pragma once

#include <exception>

#include "core/support/logger.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// Logs what left the coroutine, if anything did; `name` says which it was.
inline void log_exception(Logger& logger, const char* name, const std::exception_ptr& error) {
  if (error == nullptr) {
    return;
  }
  try {
    std::rethrow_exception(error);
  } catch (...) {
    logger.error("{}: {}", name, to_string(status_from_current_exception()));
  }
}

}  // namespace compiler_gym::internal
