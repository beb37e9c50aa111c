// Episodes on several sessions at one time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "bench/search/episode_client.h"

namespace compiler_gym {

/// One walk through a program's states.
struct Episode {
  /// The next action, from what is seen; none: the episode is over. Called in the order of the steps.
  std::function<std::optional<int>(const ProgramView& view)> next;
  /// Of the start, and after each step. A step that fails ends the episode with what there is.
  std::vector<std::int64_t> instructions{};
};

/// Runs them all, at most `sessions` at a time, and completes when the last one is over.
[[nodiscard]] boost::asio::awaitable<grpc::Status> async_run(EpisodeClient& client,
                                                             std::vector<Episode>& episodes,
                                                             int sessions);

}  // namespace compiler_gym
