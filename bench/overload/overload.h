// What a service still does when twice as much is asked of it as it can do.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/completion_queue_pump.h"
#include "core/support/status.h"

namespace compiler_gym {

struct OverloadOptions {
  boost::filesystem::path service;
  std::vector<boost::filesystem::path> programs;
  /// Each of which measures idle, peak and overload once.
  int rounds = 5;
  /// Of each measurement.
  std::chrono::seconds duration{4};
};

struct OverloadRound {
  std::chrono::nanoseconds idle_p99{0};      ///< of GetVersion, without any load
  double peak_per_second = 0;                ///< steps done, as many in flight as keep it busy
  double offered_per_second = 0;             ///< steps that arrived: twice the peak
  double goodput_per_second = 0;             ///< of these, done
  double refused_per_second = 0;             ///< of these, RESOURCE_EXHAUSTED
  std::uint64_t failed = 0;                  ///< of these, anything else
  std::chrono::nanoseconds overload_p99{0};  ///< of GetVersion, beside the offered steps
  /// Processors that the client kept busy, which the service shares with it.
  double client_at_peak = 0;
  double client_in_overload = 0;
};

/// Starts the service with a bound on requests in flight that the offered load exceeds.
/// Errors: what keeps this from working.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<OverloadRound>>> async_measure_overload(
    CompletionQueuePump& pump, OverloadOptions options);

/// The medians, and their ratios to the targets, as a Markdown table.
[[nodiscard]] std::string to_markdown(const std::vector<OverloadRound>& rounds);

}  // namespace compiler_gym
