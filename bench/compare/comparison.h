// Measures the servers in turns.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <vector>

#include "bench/compare/compare_options.h"
#include "bench/compare/measurement.h"
#include "core/completion_queue_pump.h"
#include "core/support/status.h"

namespace compiler_gym {

struct CompareProgress {
  double fraction = 0;  ///< of the measurements
  std::string doing;    ///< `round 2 of 7: step/tcp/64, sync`
};

/// In each round, measures each row once on each of its servers, the order of the servers another one
/// each time: what else the machine does meanwhile, and what a row leaves behind, hits all alike.
/// Errors: a server that cannot be started, or a load that cannot; calls that fail are in the result.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<RowResult>>> async_compare(
    CompletionQueuePump& pump, CompareOptions options,
    std::function<void(const CompareProgress&)> observer = {});

}  // namespace compiler_gym
