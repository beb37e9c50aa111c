// Time that stands still until a test moves it.
#pragma once

#include <boost/asio/io_context.hpp>

#include "core/support/clock.h"

namespace compiler_gym::testing {

/// While it lives, Clock::now() is this clock's time, which starts at an arbitrary point and moves
/// by advance() only.
///
///     FakeClock clock;
///     timer.expires_after(5s);  timer.async_wait(...);
///     clock.advance(5s - 1ns);  settle(io_context);  EXPECT_FALSE(fired);
///     clock.advance(1ns);       settle(io_context);  EXPECT_TRUE(fired);
///
/// Threads:  make it before threads that use Clock start and destroy it after they have ended;
/// advance() from any thread. Lifetime: one at a time. A member of a fixture comes before the
/// io_context whose timers it drives.
class FakeClock {
 public:
  FakeClock();
  FakeClock(const FakeClock&) = delete;
  FakeClock& operator=(const FakeClock&) = delete;
  ~FakeClock();

  void advance(Clock::duration duration) noexcept;
};

/// Runs everything on `io_context` that is ready, timers that are due included, on the calling
/// thread. What has not run when it returns waits for time to move, or for something outside this
/// io_context; so it proves "not yet". Threads: only where no other thread runs `io_context`; with
/// threads, poll_until() (poll.h) is the way to wait.
void settle(boost::asio::io_context& io_context);

}  // namespace compiler_gym::testing
