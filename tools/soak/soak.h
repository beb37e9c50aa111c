// A long load with faults, and what the service holds meanwhile.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>

#include "core/completion_queue_pump.h"
#include "core/support/status.h"
#include "tools/soak/soak_options.h"
#include "tools/soak/soak_report.h"

namespace compiler_gym {

struct SoakProgress {
  double fraction = 0;
  std::uint64_t operations = 0;
  std::uint64_t faults = 0;
};

/// Starts the service, warms it up, load and one of each fault, waits until it is idle, and looks at
/// what it holds; puts load on it with faults; waits until it is idle again, and looks again; stops it.
/// Sessions that clients left behind are gone by then, as the service is started with a time to live;
/// of benchmarks it keeps as many as it may, the same ones both times.
/// Errors: what keeps this from working; DEADLINE_EXCEEDED if sessions are left after that time.
[[nodiscard]] boost::asio::awaitable<Result<SoakReport>> async_soak(
    CompletionQueuePump& pump, SoakOptions options,
    std::function<void(const SoakProgress&)> on_progress);

}  // namespace compiler_gym
