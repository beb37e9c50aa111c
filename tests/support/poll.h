// Waiting in a test: as long as it takes, but not for ever.
#pragma once

#include <boost/asio/io_context.hpp>
#include <chrono>
#include <functional>
#include <future>
#include <stdexcept>
#include <utility>

namespace compiler_gym::testing {

/// How long a wait may take before the test fails. It never sets the pace of a passing test, so it
/// is generous enough for a sanitizer on a busy machine.
inline constexpr std::chrono::seconds kWatchdog{60};

/// Returns once `done()` is true; other threads make it so. Throws std::runtime_error, which fails
/// the test, after kWatchdog.
void poll_until(const std::function<bool()>& done);

/// The same, running handlers of `io_context` on this thread meanwhile, whether or not other
/// threads do too. An io_context that has run out of work is restarted.
void poll_until(boost::asio::io_context& io_context, const std::function<bool()>& done);

/// The future's value or exception, or std::runtime_error if it is not ready within kWatchdog.
template <typename T>
T get_within_watchdog(std::future<T> future) {
  if (future.wait_for(kWatchdog) != std::future_status::ready) {
    throw std::runtime_error("watchdog: a future was not ready in time");
  }
  return future.get();
}

}  // namespace compiler_gym::testing
