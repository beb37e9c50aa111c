// How often a session builds and runs its program to take the time.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

struct RunCounts {
  int runtimes = 1;    ///< runs that `Runtime` reports
  int warmups = 0;     ///< runs before these that it does not
  int buildtimes = 1;  ///< builds that `Buildtime` reports

  // Of `RuntimeMeasurement`, which warms up once at least.
  int measured_runs = 10;  ///< at least
  int measured_ms = 1000;  ///< milliseconds that these take together, at least
};

/// Gets or sets a count by its parameter, `llvm.{get,set}_...`; leaves `reply` unset if the key is
/// none of these.
/// Errors: INVALID_ARGUMENT, for instance `runtimes_per_observation_count must be >= 1. Received:
///         -5`; the count is as it was then.
[[nodiscard]] grpc::Status handle_count_parameter(const std::string& key, const std::string& value,
                                                  RunCounts& counts,
                                                  std::optional<std::string>& reply);

/// Whether the key is one of these.
[[nodiscard]] bool is_count_parameter(std::string_view key);

}  // namespace compiler_gym
