#include "core/support/clock.h"

#include <algorithm>
#include <atomic>

namespace compiler_gym {
namespace {

std::atomic<Clock::Source> replaced_source{nullptr};

}  // namespace

Clock::time_point Clock::now() noexcept {
  const Source source = replaced_source.load(std::memory_order_acquire);
  return source == nullptr ? std::chrono::steady_clock::now() : source();
}

void Clock::set_source_for_testing(Source source) noexcept {
  replaced_source.store(source, std::memory_order_release);
}

bool Clock::is_replaced() noexcept {
  return replaced_source.load(std::memory_order_acquire) != nullptr;
}

Clock::duration ClockWaitTraits::to_wait_duration(const Clock::duration& duration) {
  constexpr Clock::duration kTestPollInterval = std::chrono::milliseconds(1);
  return Clock::is_replaced() ? std::min(duration, kTestPollInterval) : duration;
}

Clock::duration ClockWaitTraits::to_wait_duration(const Clock::time_point& time) {
  const Clock::time_point now = Clock::now();
  return time <= now ? Clock::duration::zero() : to_wait_duration(time - now);
}

}  // namespace compiler_gym
