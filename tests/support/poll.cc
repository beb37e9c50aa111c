#include "tests/support/poll.h"

#include <thread>

namespace compiler_gym::testing {
namespace {

using SteadyClock = std::chrono::steady_clock;  // not Clock, which a test may have stopped

constexpr std::chrono::milliseconds kBetweenLooks{1};

void check_watchdog(SteadyClock::time_point started) {
  if (SteadyClock::now() - started > kWatchdog) {
    throw std::runtime_error("watchdog: what the test waits for did not happen in time");
  }
}

}  // namespace

void poll_until(const std::function<bool()>& done) {
  const auto started = SteadyClock::now();
  for (int looks = 0; !done(); ++looks) {
    check_watchdog(started);
    // Most waits are over within a few looks. Longer ones leave the processor to those who are
    // waited for.
    if (looks < 100) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(kBetweenLooks);
    }
  }
}

void poll_until(boost::asio::io_context& io_context, const std::function<bool()>& done) {
  const auto work = boost::asio::make_work_guard(io_context);
  const auto started = SteadyClock::now();
  while (!done()) {
    check_watchdog(started);
    if (io_context.stopped()) {
      io_context.restart();
    }
    io_context.run_one_for(kBetweenLooks);
  }
}

}  // namespace compiler_gym::testing
