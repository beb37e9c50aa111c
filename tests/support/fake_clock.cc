#include "tests/support/fake_clock.h"

#include <atomic>
#include <cassert>

#include "tests/support/poll.h"

namespace compiler_gym::testing {
namespace {

// Not zero: code that takes a default-constructed time_point for "never" should be caught, not
// helped.
constexpr Clock::duration kStart = std::chrono::hours(1000);

std::atomic<Clock::rep> ticks{0};

Clock::time_point fake_now() noexcept {
  return Clock::time_point(Clock::duration(ticks.load(std::memory_order_acquire)));
}

}  // namespace

FakeClock::FakeClock() {
  assert(!Clock::is_replaced() && "one FakeClock at a time");
  ticks.store(kStart.count(), std::memory_order_release);
  Clock::set_source_for_testing(&fake_now);
}

FakeClock::~FakeClock() {
  Clock::set_source_for_testing(nullptr);
}

void FakeClock::advance(Clock::duration duration) noexcept {
  ticks.fetch_add(duration.count(), std::memory_order_acq_rel);
}

void settle(boost::asio::io_context& io_context) {
  // Asio looks at its timers only when the kernel's timer says so, which knows nothing of a fake
  // clock. Arming a timer that is due makes it look, and it then takes all that are due in one go.
  // Repeated until nothing but that timer ran, since handlers may have armed others that are due as
  // well.
  std::size_t handlers_run = 0;
  do {
    bool looked = false;
    Timer due_now(io_context, Clock::now());
    due_now.async_wait([&looked](const boost::system::error_code&) { looked = true; });
    handlers_run = 0;
    poll_until([&] {
      io_context.restart();
      handlers_run += io_context.poll();
      return looked;
    });
    io_context.restart();
    handlers_run += io_context.poll();
  } while (handlers_run > 1);
}

}  // namespace compiler_gym::testing
