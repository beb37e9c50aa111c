// Which sequence of actions to try next.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

/// Actions, by their index in the action space, in the order they are applied.
using ActionSequence = std::vector<int>;

struct ScoredSequence {
  ActionSequence actions;
  std::int64_t size = 0;  ///< bytes of object code

  /// Smaller code first; of equal code the shorter sequence.
  [[nodiscard]] bool is_better_than(const ScoredSequence& other) const {
    return size != other.size ? size < other.size : actions.size() < other.actions.size();
  }
};

/// A genetic search with a memory: keeps the best sequences seen, proposes changes to them and crosses
/// between them, and learns which actions occur in improvements. It starts from sequences that are
/// known to be good for code size in general.
/// Decides only: applying actions and measuring is the caller's. No I/O, no clock; the same calls with
/// the same seed give the same proposals.
class SequenceSearch {
 public:
  /// `action_names` as the service has them; NOT_FOUND if one that the search starts from is missing.
  [[nodiscard]] static Result<SequenceSearch> create(const std::vector<std::string>& action_names,
                                                     std::uint64_t seed);

  /// The next sequence to try, not proposed before: first the known ones, then new ones.
  [[nodiscard]] ActionSequence propose();

  /// An action to try behind any sequence, drawn by how useful it has been.
  [[nodiscard]] int propose_action();

  /// What a sequence came to, proposed or not. True if it is the best so far.
  bool report(const ScoredSequence& scored);

  /// Makes the actions of a sequence that failed, or took too long, less likely.
  void penalise(const ActionSequence& actions);

  /// An empty sequence of an enormous size before the first report.
  [[nodiscard]] ScoredSequence best() const;

  static constexpr std::size_t kMaxLength = 60;

 private:
  SequenceSearch(std::vector<ActionSequence> known, std::vector<double> weights,
                 std::uint64_t seed);

  [[nodiscard]] std::size_t below(std::size_t limit);
  [[nodiscard]] const ActionSequence& pick_elite();
  [[nodiscard]] ActionSequence vary();
  void mutate(ActionSequence& actions);

  std::vector<ActionSequence> known_;   // still to be proposed, the next one last
  std::vector<ScoredSequence> elites_;  // the best first
  std::vector<double> weights_;         // by action
  std::set<ActionSequence> proposed_;
  std::mt19937_64 random_;
};

}  // namespace compiler_gym
