#include "tools/search/greedy_method.h"

#include <algorithm>
#include <numeric>
#include <utility>

namespace compiler_gym {
namespace {

// Fewer than there are passes: a round over all of them would use up a small budget for one step.
constexpr std::size_t kProposalsPerTurn = 16;
constexpr std::size_t kMaxReach = 3;

}  // namespace

GreedyMethod::GreedyMethod(SearchSpace space, std::uint64_t seed)
    : space_(std::move(space)), dice_(seed) {
  chains_[1].base.push_back(space_.oz);
  for (Chain& chain : chains_) {
    start_over(chain);
  }
}

void GreedyMethod::start_over(Chain& chain) {
  chain.reach = 1;
  chain.tried = 0;
  chain.untried.resize(static_cast<std::size_t>(space_.passes));
  std::iota(chain.untried.begin(), chain.untried.end(), 0);
}

Proposal GreedyMethod::propose() {
  if (in_turn_ == kProposalsPerTurn) {
    end_turn(chains_[turn_]);
    turn_ = (turn_ + 1) % chains_.size();
    in_turn_ = 0;
  }
  ++in_turn_;
  Chain& chain = chains_[turn_];
  const std::size_t forked_after = chain.base.size();
  return {.passes = extend(chain), .forked_after = forked_after};
}

PassSequence GreedyMethod::extend(Chain& chain) {
  if (chain.tried >= static_cast<std::size_t>(space_.passes)) {
    chain.reach = std::min(chain.reach + 1, kMaxReach);
    chain.tried = 0;
  }
  ++chain.tried;
  PassSequence passes = chain.base;
  if (!chain.untried.empty()) {
    std::swap(chain.untried[dice_.below(chain.untried.size())], chain.untried.back());
    passes.push_back(chain.untried.back());
    chain.untried.pop_back();
    return passes;
  }
  for (std::size_t i = 0; i < chain.reach; ++i) {
    passes.push_back(dice_.pass(space_));
  }
  return passes;
}

void GreedyMethod::end_turn(Chain& chain) {
  const ScoredSequence best =
      std::exchange(chain.best_extension, {{}, std::numeric_limits<std::int64_t>::max()});
  if (best.value < chain.value && best.passes.size() + kMaxReach <= kMaxLength) {
    chain.base = best.passes;
    chain.value = best.value;
    start_over(chain);
  }
}

void GreedyMethod::report(const PassSequence& passes, std::optional<std::int64_t> value) {
  if (!value) {
    return;
  }
  for (Chain& chain : chains_) {
    if (passes == chain.base) {
      chain.value = *value;
    }
  }
  Chain& chain = chains_[turn_];
  const bool extends = passes.size() > chain.base.size() &&
                       std::equal(chain.base.begin(), chain.base.end(), passes.begin());
  const ScoredSequence scored{passes, *value};
  if (extends && in_turn_ > 0 && scored.is_better_than(chain.best_extension)) {
    chain.best_extension = scored;
  }
}

}  // namespace compiler_gym
