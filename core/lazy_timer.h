// A timer for what seldom takes too long.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <optional>
#include <utility>

#include "core/support/clock.h"

namespace compiler_gym {

/// Wakes its owner at the time that it set, or earlier: the timer is left running when what it was
/// set for ends in time, as most does, and what comes next, whose time is up later, finds it set. So
/// the owner looks at the clock when it is woken, and sets the timer again if there is still something
/// to wait for.
/// Threads: one at a time; usually under the owner's mutex.
class LazyTimer {
 public:
  explicit LazyTimer(const boost::asio::any_io_executor& executor) : timer_(executor) {}

  /// Sees to it that `on_time()` is called at `time` at the latest, on the executor; time_point::max()
  /// is never. All calls of one timer pass a function that does the same.
  template <typename Function>
  void set(Clock::time_point time, Function on_time) {
    if (time == Clock::time_point::max() || (expiry_ && *expiry_ <= time)) {
      return;
    }
    expiry_ = time;
    timer_.expires_at(time);
    timer_.async_wait(
        [on_time = std::move(on_time)](const boost::system::error_code& error) mutable {
          if (!error) {
            on_time();
          }
        });
  }

  /// To be called first thing when on_time() is: it can be set again then.
  void woken() { expiry_.reset(); }

  void cancel() { timer_.cancel(); }

 private:
  Timer timer_;
  std::optional<Clock::time_point> expiry_;  // while it is being waited for
};

}  // namespace compiler_gym
