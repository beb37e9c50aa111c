// Greedy search: of some passes behind what there is, the best one is kept.
#pragma once

#include <array>
#include <cstdint>
#include <limits>
#include <optional>

#include "tools/search/search_method.h"

namespace compiler_gym {

/// Two chains of passes take turns, one that starts from nothing and one from `default<Oz>`. In its turn
/// a chain is forked a number of times, each with another pass, and the best becomes part of it if that
/// makes the program smaller. A chain that no single pass makes smaller is tried with two at a time, then
/// with three.
class GreedyMethod final : public SearchMethod {
 public:
  GreedyMethod(SearchSpace space, std::uint64_t seed);

  [[nodiscard]] Proposal propose() override;
  void report(const PassSequence& passes, std::optional<std::int64_t> value) override;

 private:
  struct Chain {
    PassSequence base;
    std::int64_t value = std::numeric_limits<std::int64_t>::max();
    ScoredSequence best_extension{{}, std::numeric_limits<std::int64_t>::max()};
    /// How many passes are tried at a time.
    std::size_t reach = 1;
    /// Of single passes, those that are still to be tried on this base.
    std::vector<int> untried;
    std::size_t tried = 0;  ///< on this base, with this reach
  };

  [[nodiscard]] PassSequence extend(Chain& chain);
  void end_turn(Chain& chain);
  void start_over(Chain& chain);

  const SearchSpace space_;
  Dice dice_;
  std::array<Chain, 2> chains_;
  std::size_t turn_ = 0;     ///< whose it is
  std::size_t in_turn_ = 0;  ///< proposals made in it
};

}  // namespace compiler_gym
