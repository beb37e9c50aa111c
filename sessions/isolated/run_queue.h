// Whose turn it is to run in a sandbox process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "core/support/clock.h"

namespace compiler_gym::isolated {

/// Decides who may run when no more than a few may: first come, first served, and not for ever. No
/// threads, no locks, no clock: RunLimit performs what it decides.
///
/// Patience: who has run for longer than that does not count any more while others wait. The more
///           there are of those, the longer the patience, else requests that all take long would
///           soon all run.
class RunQueue {
 public:
  /// A request's, never used twice.
  using Number = std::uint64_t;

  RunQueue(std::size_t limit, Clock::duration patience) : limit_(limit), patience_(patience) {}

  struct Entry {
    Number number = 0;
    bool may_run = false;  ///< if not it waits, until it is among those that an event returns
  };
  [[nodiscard]] Entry enter(Clock::time_point now);
  /// The number of one that runs from here on; none if it would have to wait.
  [[nodiscard]] std::optional<Number> try_enter(Clock::time_point now);

  /// One that runs has ended. Returns those who may run now.
  [[nodiscard]] std::vector<Number> finish(Number number, Clock::time_point now);

  /// One that waits does not want to any more. False if it may run already.
  bool leave(Number number) { return waiting_.erase(number) > 0; }

  /// To be called at check_at(). Returns those who may run now.
  [[nodiscard]] std::vector<Number> check(Clock::time_point now);

  /// When somebody's patience ends; time_point::max() if nobody waits.
  [[nodiscard]] Clock::time_point check_at() const;

 private:
  struct Running {
    Number number;
    Clock::time_point since;
  };

  std::vector<Number> admit(Clock::time_point now);

  const std::size_t limit_;
  const Clock::duration patience_;
  Number last_number_ = 0;
  std::vector<Running> running_;  // that count, those that began first in front
  std::vector<Number> overdue_;   // that run as well, but do not count any more
  std::set<Number> waiting_;      // numbers count up, so those that came first are in front
};

}  // namespace compiler_gym::isolated
