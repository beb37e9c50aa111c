// Sequence after sequence against one service.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/completion_queue_pump.h"
#include "core/support/status.h"
#include "tools/fuzz/fuzz_options.h"
#include "tools/fuzz/sequence_runner.h"

namespace compiler_gym::fuzz {

struct FuzzReport {
  std::uint64_t sequences = 0;
  Outcomes outcomes;
  std::vector<std::string> violations;
  std::vector<boost::filesystem::path> reproducers;  ///< of the violations that a sequence made
};

/// The share of the requests that a session served. Less than half would be a fuzzer that mostly
/// tests how requests are refused.
[[nodiscard]] double served_share(const Outcomes& outcomes);

/// Runs the service, and a new one after every violation, until time is up. At the end the service has
/// to drain and end with status 0.
/// Errors: what keeps the fuzzer from working: no such program, a service that does not start, a file
///         that cannot be written.
[[nodiscard]] boost::asio::awaitable<Result<FuzzReport>> async_fuzz(
    CompletionQueuePump& pump, FuzzOptions options,
    std::function<void(const FuzzReport&)> on_progress);

}  // namespace compiler_gym::fuzz
