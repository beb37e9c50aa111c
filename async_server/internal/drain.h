// The end of the calls that run when a service is drained.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>

#include "async_server/internal/admission.h"
#include "async_server/internal/drain_controller.h"
#include "async_server/service_runtime.h"
#include "core/support/clock.h"
#include "core/support/logger.h"
#include "sessions/session_service.h"

namespace compiler_gym::internal {

/// Performs what DrainController decides: waits for calls until the deadline, and cancels them then.
/// Threads: on its strand.
class Drain {
 public:
  using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;

  explicit Drain(const Strand& strand) : timer_(strand) {}

  /// See DrainController.
  bool request(Clock::duration grace);
  [[nodiscard]] bool requested() const { return controller_.draining(); }

  /// Closes the front, and completes when that is done and no call runs. Once, when requested.
  [[nodiscard]] boost::asio::awaitable<void> finish_calls(ServiceFront& front, Admission& admission,
                                                          SessionService& sessions, Logger& logger);

 private:
  [[nodiscard]] boost::asio::awaitable<void> close(ServiceFront& front, Gate& running_calls);
  [[nodiscard]] boost::asio::awaitable<void> wait_for_calls(Gate& running_calls);
  [[nodiscard]] boost::asio::awaitable<void> enforce_deadline(ServiceFront& front,
                                                              SessionService& sessions,
                                                              Logger& logger);

  DrainController controller_;
  Timer timer_;
  bool no_call_runs_ = false;  // every call that was accepted is answered
  bool closed_ = false;        // and the front is closed
};

}  // namespace compiler_gym::internal
