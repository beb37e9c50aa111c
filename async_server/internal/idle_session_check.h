// Ends sessions that nobody uses any more.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <chrono>

#include "core/gate.h"
#include "core/support/clock.h"
#include "core/support/logger.h"
#include "sessions/session_service.h"

namespace compiler_gym::internal {

/// Looks for idle sessions every now and then, from start() to stop().
/// Threads:  on its strand.
/// Lifetime: async_stop() must have completed before it is destroyed, if it was started.
class IdleSessionCheck {
 public:
  using Strand = boost::asio::strand<boost::asio::io_context::executor_type>;

  /// `ttl` is for how long a session may be idle; 0: for ever.
  IdleSessionCheck(const Strand& strand, std::chrono::milliseconds ttl, SessionService& sessions,
                   Logger& logger)
      : strand_(strand), ttl_(ttl), sessions_(sessions), logger_(logger), next_check_(strand) {}

  void start();
  /// Completes at once if it is not running.
  [[nodiscard]] boost::asio::awaitable<void> stop();

 private:
  [[nodiscard]] boost::asio::awaitable<void> end_idle_sessions();

  const Strand strand_;
  const std::chrono::milliseconds ttl_;
  SessionService& sessions_;
  Logger& logger_;
  Timer next_check_;
  bool stopping_ = false;
  Gate running_;
};

}  // namespace compiler_gym::internal
