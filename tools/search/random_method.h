// Random sequences: what the other methods have to be better than.
#pragma once

#include <cstdint>
#include <optional>
#include <utility>

#include "tools/search/search_method.h"

namespace compiler_gym {

/// Takes turns between passes from the start and passes behind `default<Oz>`. Learns nothing.
class RandomMethod final : public SearchMethod {
 public:
  RandomMethod(SearchSpace space, std::uint64_t seed) : space_(std::move(space)), dice_(seed) {}

  [[nodiscard]] Proposal propose() override {
    Proposal proposal;
    behind_oz_ = !behind_oz_;
    if (behind_oz_) {
      proposal.passes.push_back(space_.oz);
    }
    constexpr std::size_t kMost = 20;
    for (std::size_t left = 1 + dice_.below(kMost); left > 0; --left) {
      proposal.passes.push_back(dice_.pass(space_));
    }
    return proposal;
  }

  void report(const PassSequence& /*passes*/, std::optional<std::int64_t> /*value*/) override {}

 private:
  const SearchSpace space_;
  Dice dice_;
  bool behind_oz_ = false;
};

}  // namespace compiler_gym
