// Ways to look for a short program, as people use the service for it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <vector>

#include "bench/search/episode_client.h"

namespace compiler_gym {

struct SearchEffort {
  int sessions = 8;      ///< at one time
  int generations = 20;  ///< of the genetic search, of 32 sequences of 30 actions each
  int batches = 25;      ///< of the policy's training, of 16 episodes of 45 steps each
  int walks = 300;       ///< random ones, of 45 steps each
  unsigned seed = 1;
};

/// Something that tells whether two runs did the same.
struct SearchOutcome {
  std::int64_t fewest_instructions = 0;
  std::uint64_t checksum = 0;  ///< of all that was seen, in the order of the episodes
};

/// The same for the same effort, however fast the service is, unless one of its answers differs.
using Strategy = boost::asio::awaitable<Result<SearchOutcome>> (*)(EpisodeClient&, SearchEffort);

/// Keeps the better half of its sequences, crosses them at one point and changes some actions.
[[nodiscard]] boost::asio::awaitable<Result<SearchOutcome>> genetic_search(EpisodeClient& client,
                                                                           SearchEffort effort);
/// REINFORCE with a baseline: a linear softmax policy on Autophase, rewarded for each instruction that goes.
/// Source: Williams, Simple statistical gradient-following algorithms, 1992.
[[nodiscard]] boost::asio::awaitable<Result<SearchOutcome>> policy_gradient(EpisodeClient& client,
                                                                            SearchEffort effort);
/// Uniformly random actions.
[[nodiscard]] boost::asio::awaitable<Result<SearchOutcome>> random_walk(EpisodeClient& client,
                                                                        SearchEffort effort);

}  // namespace compiler_gym
