// The two ways of taking a time.
#pragma once

#include <chrono>

namespace compiler_gym {

enum class TimeKind {
  kElapsed,
  kCpu,  ///< of the calling thread and of processes that it has waited for: on a busy machine
};

using Seconds = std::chrono::duration<double>;

/// From some point in the past.
[[nodiscard]] Seconds now(TimeKind kind);

template <typename Function>
[[nodiscard]] Seconds time_of(TimeKind kind, Function&& function) {
  const Seconds begin = now(kind);
  function();
  return now(kind) - begin;
}

}  // namespace compiler_gym
