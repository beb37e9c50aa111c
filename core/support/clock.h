// The clock every timer of the project uses, so that a test can move time instead of sleeping.
#pragma once

#include <boost/asio/basic_waitable_timer.hpp>
#include <chrono>

namespace compiler_gym {

/// std::chrono::steady_clock, unless a test has installed a source of its own. Asio asks a timer's
/// clock for the time through a static function, which is why the source is a process-wide setting;
/// only tests set it, before they start a thread and for the length of a fixture.
/// Threads: now() from any thread.
class Clock {
 public:
  using duration = std::chrono::steady_clock::duration;
  using rep = duration::rep;
  using period = duration::period;
  using time_point = std::chrono::steady_clock::time_point;
  static constexpr bool is_steady = true;

  static time_point now() noexcept;

  using Source = time_point (*)() noexcept;
  /// nullptr goes back to the real clock.
  static void set_source_for_testing(Source source) noexcept;
  static bool is_replaced() noexcept;
};

/// How long Asio's reactor may sleep before it asks the clock again: with a test's clock, which
/// moves without the reactor's knowing, one millisecond.
struct ClockWaitTraits {
  static Clock::duration to_wait_duration(const Clock::duration& duration);
  static Clock::duration to_wait_duration(const Clock::time_point& time);
};

using Timer = boost::asio::basic_waitable_timer<Clock, ClockWaitTraits>;

}  // namespace compiler_gym
