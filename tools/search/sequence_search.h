// One search of one method on one program, from its first proposal to the sequences it ends with.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "tools/search/search_method.h"

namespace compiler_gym {

/// The best value after so many measurements.
struct Improvement {
  int measurements = 0;
  std::int64_t value = 0;
};

/// Measures what all methods start from, then lets the method search; when most of the budget is used
/// up, leaves out of the best sequence what it does as well without, and searches on with what is left.
/// So pruning is paid from the same budget, and has the same share of it, with each method.
/// Decides only, as SearchMethod.
class SequenceSearch {
 public:
  SequenceSearch(std::unique_ptr<SearchMethod> method, const SearchSpace& space);

  /// What to measure next, and report. `spent`: the share of the budget that is used up. Nothing once
  /// that is 1.
  [[nodiscard]] std::optional<Proposal> next(double spent);

  /// What the sequence came to; without a value it failed.
  void report(const PassSequence& passes, std::optional<std::int64_t> value);

  /// What is worth being checked, best first: for the smallest values that were found, the shortest
  /// sequence of each. Last what the search started from, which is the least likely to be wrong. Several,
  /// as a check may fail.
  [[nodiscard]] std::vector<ScoredSequence> finalists() const;

  [[nodiscard]] const std::vector<Improvement>& improvements() const { return improvements_; }
  [[nodiscard]] int measurements() const { return measurements_; }

  /// Of the budget.
  static constexpr double kSearchShare = 0.8;
  static constexpr std::size_t kMaxFinalists = 8;

 private:
  [[nodiscard]] std::optional<Proposal> shorter();
  [[nodiscard]] Proposal forked_after_oz(Proposal proposal) const;

  std::unique_ptr<SearchMethod> method_;
  std::vector<PassSequence> starts_;  // still to be measured, the next one last
  const PassSequence oz_;
  std::map<std::int64_t, PassSequence> shortest_;  // by value
  std::map<PassSequence, std::optional<std::int64_t>> measured_;
  std::vector<Improvement> improvements_;
  int measurements_ = 0;
  bool is_pruned_ = false;
  PassSequence pruned_;       // what prune_at_ is about
  std::size_t prune_at_ = 0;  // the passes from here on can't be left out
};

}  // namespace compiler_gym
