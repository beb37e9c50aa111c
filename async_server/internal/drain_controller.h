// When a drain ends: decides, and does nothing.
#pragma once

#include <algorithm>
#include <optional>

#include "core/support/clock.h"

namespace compiler_gym::internal {

/// Keeps the deadline of a drain. The first request sets it; later ones, a second SIGTERM say, may
/// bring it nearer but never put it off. No clock, no timer: the times are the caller's.
class DrainController {
 public:
  /// Returns whether anything changed: the drain began, or its deadline came nearer.
  bool request(Clock::time_point now, Clock::duration grace) {
    const Clock::time_point asked = now + std::max(grace, Clock::duration::zero());
    if (deadline_.has_value() && asked >= *deadline_) {
      return false;
    }
    deadline_ = asked;
    return true;
  }

  /// Whether new requests are refused.
  [[nodiscard]] bool draining() const { return deadline_.has_value(); }

  /// Whether running steps are to be cancelled.
  [[nodiscard]] bool overdue(Clock::time_point now) const {
    return deadline_.has_value() && now >= *deadline_;
  }

  /// Set once draining.
  [[nodiscard]] std::optional<Clock::time_point> deadline() const { return deadline_; }

 private:
  std::optional<Clock::time_point> deadline_;
};

}  // namespace compiler_gym::internal
