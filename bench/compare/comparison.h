// Measures the servers in turns.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <stop_token>
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
/// A server on which calls have failed, or a load could not be started, is replaced by a new one of its
/// kind; what failed is in the result. Beside the peer, every measurement has a new server.
/// What is drawn at random differs from row to row and round to round, and is the same for all servers.
/// Errors: a server that cannot be started, or does not end as it should; CANCELLED if asked to stop.
/// Cancel: by `stop`, looked at between measurements; all servers have ended when it completes.
[[nodiscard]] boost::asio::awaitable<Result<std::vector<RowResult>>> async_compare(
    CompletionQueuePump& pump, CompareOptions options,
    std::function<void(const CompareProgress&)> observer = {}, std::stop_token stop = {});

}  // namespace compiler_gym
