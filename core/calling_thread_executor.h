// Where a handler runs that names no executor: on the thread on which its operation ended.
#pragma once

#include <utility>

#include "core/support/logger.h"
#include "core/support/status.h"

namespace compiler_gym {

/// An Asio executor that runs what it is given on the calling thread, before execute() returns. An
/// exception that leaves the function is logged with the place, and goes no further: what called
/// execute() has nothing to do with it. (Asio's system_executor ends the process there.)
/// Threads:  any.
/// Lifetime: the logger and the place, a literal, outlive what is run.
class CallingThreadExecutor {
 public:
  /// `place`: whose handler it is, for the log, e.g. "SessionService, a request's handler".
  CallingThreadExecutor(Logger& logger, const char* place) noexcept
      : logger_(&logger), place_(place) {}

  template <typename Function>
  void execute(Function&& function) const {
    try {
      auto run = std::forward<Function>(function);  // gone, like a posted one, when this returns
      run();
    } catch (...) {
      logger_->error("{}: {}", place_, status_from_current_exception().error_message());
    }
  }

  friend bool operator==(const CallingThreadExecutor& a, const CallingThreadExecutor& b) noexcept {
    return a.logger_ == b.logger_ && a.place_ == b.place_;
  }
  friend bool operator!=(const CallingThreadExecutor& a, const CallingThreadExecutor& b) noexcept {
    return !(a == b);
  }

 private:
  Logger* logger_;
  const char* place_;
};

}  // namespace compiler_gym
