#include "tools/search/sequence_search.h"

#include <utility>

namespace compiler_gym {

SequenceSearch::SequenceSearch(std::unique_ptr<SearchMethod> method, const SearchSpace& space)
    : method_(std::move(method)), oz_(1, space.oz) {
  starts_.push_back(oz_);
  starts_.emplace_back();
}

std::optional<Proposal> SequenceSearch::next(double spent) {
  if (spent >= 1) {
    return std::nullopt;
  }
  if (!starts_.empty()) {
    Proposal start{.passes = std::move(starts_.back())};
    starts_.pop_back();
    return start;
  }
  if (spent >= kSearchShare && !is_pruned_) {
    if (std::optional<Proposal> proposal = shorter()) {
      return proposal;
    }
    is_pruned_ = true;
  }
  return forked_after_oz(method_->propose());
}

/// Running `default<Oz>` is most of what a step costs, and most sequences begin with it.
Proposal SequenceSearch::forked_after_oz(Proposal proposal) const {
  const bool begins_with_oz =
      proposal.passes.size() > oz_.size() && proposal.passes.front() == oz_.front();
  if (begins_with_oz && proposal.forked_after == 0) {
    proposal.forked_after = oz_.size();
  }
  return proposal;
}

/// The best sequence without one of its passes, the last one first; nothing if none can be left out.
std::optional<Proposal> SequenceSearch::shorter() {
  if (shortest_.empty()) {
    return std::nullopt;
  }
  const PassSequence& best = shortest_.begin()->second;
  if (best != pruned_) {
    // One pass fewer, or a new sequence: it is gone through from its end.
    pruned_ = best;
    prune_at_ = best.size();
  }
  while (prune_at_ > 0) {
    --prune_at_;
    PassSequence passes = best;
    passes.erase(passes.begin() + static_cast<std::ptrdiff_t>(prune_at_));
    if (!measured_.contains(passes)) {
      return forked_after_oz({.passes = std::move(passes)});
    }
  }
  return std::nullopt;
}

void SequenceSearch::report(const PassSequence& passes, std::optional<std::int64_t> value) {
  ++measurements_;
  measured_.insert_or_assign(passes, value);
  if (value) {
    if (improvements_.empty() || *value < improvements_.back().value) {
      improvements_.push_back({.measurements = measurements_, .value = *value});
    }
    const auto [shortest, is_new] = shortest_.emplace(*value, passes);
    if (!is_new && passes.size() < shortest->second.size()) {
      shortest->second = passes;
    }
  }
  method_->report(passes, value);
}

std::vector<ScoredSequence> SequenceSearch::finalists() const {
  std::vector<ScoredSequence> best;
  for (const auto& [value, passes] : shortest_) {
    if (best.size() == kMaxFinalists) {
      break;
    }
    best.push_back({passes, value});
  }
  const auto oz = measured_.find(oz_);
  if (oz != measured_.end() && oz->second && !best.empty() && best.back().value < *oz->second) {
    best.push_back({oz_, *oz->second});
  }
  return best;
}

}  // namespace compiler_gym
