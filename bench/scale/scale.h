// What it costs a service to have many sessions open.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/completion_queue_pump.h"
#include "core/support/status.h"

namespace compiler_gym {

struct ScaleOptions {
  boost::filesystem::path service;
  std::vector<std::string> service_arguments{};
  /// Programs of the sessions, which take turns with them; a few bytes if there is none.
  std::vector<std::string> benchmark_files{};
  /// Of the first action space, in every step: one that changes nothing the second time keeps steps
  /// alike however many there have been. Without it they are drawn at random.
  std::optional<std::int64_t> action{};
  /// After so many steps a session is ended and another one started in its place, which counts as no step; 0: never.
  int episode = 0;
  /// Sessions open at the same time, growing.
  std::vector<int> sessions = {1, 10, 100, 1'000, 10'000};
  /// Services that are filled up one after the other; each result is the median.
  int rounds = 3;
  /// Of each measurement in a round.
  int seconds = 2;
};

/// With so many sessions open.
struct ScaleRow {
  int sessions = 0;
  /// Of those that were opened since the row before, 8 at a time.
  double starts_per_second = 0;
  /// What the memory of the service has grown by, from before the first of them until after the steps
  /// below: of its process and of what descends from it, what several share counted once.
  double bytes_per_session = 0;
  /// Of 8 sessions, always the same, that step while the others are idle.
  double few_p50_us = 0;
  double few_p99_us = 0;
  double few_cpu_us = 0;  ///< the service's, of a step; its processes' together
  /// Of 8 steps at a time, each in any of the sessions.
  double all_per_second = 0;
  double all_p99_us = 0;
  double all_cpu_us = 0;
};

/// Errors: what keeps the service from starting; any request that fails.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<ScaleRow>>> measure_scale(
    CompletionQueuePump& pump, const ScaleOptions& options);

}  // namespace compiler_gym
