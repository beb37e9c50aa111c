// A point at which a test holds work up, or waits for work to arrive.
#pragma once

#include <condition_variable>
#include <mutex>
#include <stdexcept>

#include "tests/support/poll.h"

namespace compiler_gym::testing {

/// Opens after `count` arrivals and stays open. Unlike std::latch it does not wait for ever: a test that goes wrong
/// fails instead of hanging, since what its fixture destroys would wait for the work that is being held up.
/// Threads: every member may be called from any thread.
class Latch {
 public:
  explicit Latch(int count = 1) : missing_(count) {}

  void arrive() {
    const std::lock_guard lock(mutex_);
    --missing_;
    changed_.notify_all();
  }
  /// For a latch of one, whose arrival is the test's permission to go on.
  void open() { arrive(); }

  /// Throws std::runtime_error after kWatchdog.
  void wait() {
    std::unique_lock lock(mutex_);
    if (!changed_.wait_for(lock, kWatchdog, [this] { return missing_ <= 0; })) {
      throw std::runtime_error("watchdog: a latch was not opened in time");
    }
  }

  void arrive_and_wait() {
    arrive();
    wait();
  }

  [[nodiscard]] bool is_open() {
    const std::lock_guard lock(mutex_);
    return missing_ <= 0;
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  int missing_;
};

}  // namespace compiler_gym::testing
