// Local search around default<Oz>.
#pragma once

#include <cstdint>
#include <limits>
#include <optional>

#include "tools/search/search_method.h"

namespace compiler_gym {

/// Starts from `default<Oz>` and goes from sequence to sequence, each a small change of the one before:
/// a pass more behind it or anywhere in it, another one in the place of one, one less, or one moved. What
/// is not larger becomes the place to go on from. When that has led to nothing better for some time, it
/// goes back to the best sequence and changes several things at once.
class LocalMethod final : public SearchMethod {
 public:
  LocalMethod(SearchSpace space, std::uint64_t seed);

  [[nodiscard]] Proposal propose() override;
  void report(const PassSequence& passes, std::optional<std::int64_t> value) override;

 private:
  void change(PassSequence& passes);

  const SearchSpace space_;
  Dice dice_;
  ScoredSequence current_{{}, std::numeric_limits<std::int64_t>::max()};
  ScoredSequence best_{{}, std::numeric_limits<std::int64_t>::max()};
  PassSequence proposed_;
  int without_progress_ = 0;
  bool is_kick_ = false;  ///< what was proposed is kept whatever it comes to
};

}  // namespace compiler_gym
