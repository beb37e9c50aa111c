// A genetic search with a memory.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <vector>

#include "tools/search/search_method.h"

namespace compiler_gym {

/// Keeps the best sequences seen, proposes changes to them and crosses between them, and learns which
/// passes occur in improvements. It begins with sequences that are known to be good for code size in
/// general.
class GeneticMethod final : public SearchMethod {
 public:
  GeneticMethod(SearchSpace space, std::uint64_t seed);

  /// Not proposed before: first the known ones, then new ones.
  [[nodiscard]] Proposal propose() override;
  void report(const PassSequence& passes, std::optional<std::int64_t> value) override;

 private:
  [[nodiscard]] int draw_pass();
  [[nodiscard]] const PassSequence& pick_elite();
  [[nodiscard]] PassSequence vary();
  void mutate(PassSequence& passes);
  void reward(const PassSequence& passes);
  void penalise(const PassSequence& passes);
  void insert(const ScoredSequence& scored);

  std::vector<PassSequence> known_;     // still to be proposed, the next one last
  std::vector<ScoredSequence> elites_;  // the best first
  std::vector<double> weights_;         // by pass
  std::set<PassSequence> proposed_;
  Dice dice_;
};

}  // namespace compiler_gym
