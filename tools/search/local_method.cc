#include "tools/search/local_method.h"

#include <algorithm>
#include <array>
#include <utility>

#include "tools/search/pass_change.h"

namespace compiler_gym {
namespace {

constexpr int kPatience = 60;
constexpr int kChangesOfAKick = 3;

}  // namespace

LocalMethod::LocalMethod(SearchSpace space, std::uint64_t seed)
    : space_(std::move(space)), dice_(seed) {
  current_.passes.push_back(space_.oz);
}

Proposal LocalMethod::propose() {
  is_kick_ = without_progress_ >= kPatience;
  if (is_kick_) {
    without_progress_ = 0;
    current_ = best_;
  }
  ++without_progress_;
  proposed_ = current_.passes;
  for (int left = is_kick_ ? kChangesOfAKick : 1; left > 0; --left) {
    change(proposed_);
  }
  const std::size_t kept = current_.passes.size();
  const bool is_longer =
      proposed_.size() > kept &&
      std::equal(current_.passes.begin(), current_.passes.end(), proposed_.begin());
  return {.passes = proposed_, .forked_after = is_longer ? kept : 0};
}

void LocalMethod::change(PassSequence& passes) {
  using enum PassChange;
  // Passes behind the others are tried most often: a fork, and no more than that, has to run.
  constexpr std::array kChanges{kAppend, kAppend, kAppend, kInsert, kReplace, kRemove, kMove};
  const PassChange change = passes.empty() ? kAppend : kChanges[dice_.below(kChanges.size())];
  change_one(passes, change, dice_, [this] { return dice_.pass(space_); });
}

void LocalMethod::report(const PassSequence& passes, std::optional<std::int64_t> value) {
  if (!value) {
    return;
  }
  const ScoredSequence scored{passes, *value};
  if (scored.is_better_than(best_)) {
    // A shorter sequence for the same is better to go on from, but no progress.
    without_progress_ = scored.value < best_.value ? 0 : without_progress_;
    best_ = scored;
    current_ = scored;
  } else if (passes == proposed_ && (is_kick_ || scored.value <= current_.value)) {
    current_ = scored;
  }
}

}  // namespace compiler_gym
