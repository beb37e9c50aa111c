#include "tools/search/local_method.h"

#include <algorithm>
#include <utility>

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
  // Passes behind the others are tried most often: a fork, and no more than that, has to run.
  enum { kAppend, kAppendToo, kAppendAsWell, kInsert, kReplace, kRemove, kMove, kKinds };
  const std::size_t kind = passes.empty() ? std::size_t{kAppend} : dice_.below(kKinds);
  const bool is_full = passes.size() >= kMaxLength;
  if (kind <= kAppendAsWell && !is_full) {
    passes.push_back(dice_.pass(space_));
    return;
  }
  if (kind == kInsert && !is_full) {
    const auto to = static_cast<std::ptrdiff_t>(dice_.below(passes.size() + 1));
    passes.insert(passes.begin() + to, dice_.pass(space_));
    return;
  }
  const std::size_t at = dice_.below(passes.size());
  if (kind == kReplace) {
    passes[at] = dice_.pass(space_);
    return;
  }
  const int taken = passes[at];
  passes.erase(passes.begin() + static_cast<std::ptrdiff_t>(at));
  if (kind == kMove) {
    const auto to = static_cast<std::ptrdiff_t>(dice_.below(passes.size() + 1));
    passes.insert(passes.begin() + to, taken);
  }
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
