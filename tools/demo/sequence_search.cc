#include "tools/demo/sequence_search.h"

#include <algorithm>
#include <array>
#include <limits>
#include <numeric>
#include <sstream>
#include <utility>

namespace compiler_gym {
namespace {

constexpr std::size_t kElites = 24;
constexpr double kUsualWeight = 1.0;
constexpr double kKnownWeight = 6.0;  // of actions in the sequences below
constexpr double kReward = 2.0;
constexpr double kMaxWeight = 30.0;
constexpr double kPenalty = 0.5;

// In the order of any optimiser: memory into registers, then simplify, then between functions, then
// loops, then clean up. Loops are rotated, vectorised and unrolled nowhere: that makes code larger.
constexpr std::array kKnownSequences{
    "-sroa -simplifycfg -instcombine -gvn -simplifycfg -dse -adce",
    "-mem2reg -instcombine -simplifycfg -reassociate -gvn -sccp -bdce -simplifycfg -instcombine "
    "-globaldce",
    "-globalopt -ipsccp -deadargelim -sroa -early-cse-memssa -simplifycfg -instcombine "
    "-tailcallelim -newgvn -dse -simplifycfg -adce -globaldce",
    "-inline -sroa -early-cse -jump-threading -correlated-propagation -simplifycfg -instcombine "
    "-licm -indvars -loop-idiom -loop-deletion -gvn -memcpyopt -dse -adce -simplifycfg -constmerge "
    "-globaldce",
    "-sroa -functionattrs -instcombine -simplifycfg -loop-simplify -indvars -loop-deletion "
    "-gvn-hoist -sink -mergereturn -simplifycfg -mergefunc",
};

}  // namespace

Result<SequenceSearch> SequenceSearch::create(const std::vector<std::string>& action_names,
                                              std::uint64_t seed) {
  std::vector<double> weights(action_names.size(), kUsualWeight);
  std::vector<ActionSequence> known;
  for (const char* text : kKnownSequences) {
    ActionSequence& sequence = known.emplace_back();
    std::istringstream names(text);
    for (std::string name; names >> name;) {
      const auto found = std::find(action_names.begin(), action_names.end(), name);
      if (found == action_names.end()) {
        return not_found("the service has no action '" + name + "'");
      }
      sequence.push_back(static_cast<int>(found - action_names.begin()));
      weights[static_cast<std::size_t>(sequence.back())] = kKnownWeight;
    }
  }
  return SequenceSearch(std::move(known), std::move(weights), seed);
}

SequenceSearch::SequenceSearch(std::vector<ActionSequence> known, std::vector<double> weights,
                               std::uint64_t seed)
    : known_(std::move(known)), weights_(std::move(weights)), random_(seed) {}

ActionSequence SequenceSearch::propose() {
  if (!known_.empty()) {
    ActionSequence sequence = std::move(known_.back());
    known_.pop_back();
    proposed_.insert(sequence);
    return sequence;
  }
  // A proposal that was made before is varied further; if that never leads out of what is known, one
  // random action does.
  ActionSequence sequence = vary();
  while (!proposed_.insert(sequence).second) {
    mutate(sequence);
  }
  return sequence;
}

int SequenceSearch::propose_action() {
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  constexpr double kTwoTo64 = 18446744073709551616.0;
  double left = static_cast<double>(random_()) / kTwoTo64 * total;
  std::size_t action = 0;
  while (action + 1 < weights_.size() && left >= weights_[action]) {
    left -= weights_[action++];
  }
  return static_cast<int>(action);
}

bool SequenceSearch::report(const ScoredSequence& scored) {
  const bool is_best = elites_.empty() || scored.is_better_than(elites_.front());
  const bool is_smaller = elites_.empty() || scored.size < elites_.front().size;
  if (is_smaller) {
    for (const int action : scored.actions) {
      double& weight = weights_[static_cast<std::size_t>(action)];
      weight = std::min(weight + kReward / static_cast<double>(scored.actions.size()), kMaxWeight);
    }
  }
  const auto worse = std::find_if(elites_.begin(), elites_.end(), [&](const auto& elite) {
    return scored.is_better_than(elite) || scored.actions == elite.actions;
  });
  // Of sequences that come to the same size and length a few are enough: the rest would crowd out
  // those that lead somewhere else.
  constexpr int kMaxEqual = 4;
  const auto equals = std::count_if(elites_.begin(), elites_.end(), [&](const auto& elite) {
    return !scored.is_better_than(elite) && !elite.is_better_than(scored);
  });
  const bool is_known = worse != elites_.end() && worse->actions == scored.actions;
  if (!is_known && equals < kMaxEqual) {
    elites_.insert(worse, scored);
    elites_.resize(std::min(elites_.size(), kElites));
  }
  return is_best;
}

void SequenceSearch::penalise(const ActionSequence& actions) {
  for (const int action : actions) {
    weights_[static_cast<std::size_t>(action)] *= kPenalty;
  }
}

ScoredSequence SequenceSearch::best() const {
  return elites_.empty() ? ScoredSequence{{}, std::numeric_limits<std::int64_t>::max()}
                         : elites_.front();
}

std::size_t SequenceSearch::below(std::size_t limit) {
  return static_cast<std::size_t>(random_() % limit);
}

/// The better ones more often: the best of two drawn at random.
const ActionSequence& SequenceSearch::pick_elite() {
  return elites_[std::min(below(elites_.size()), below(elites_.size()))].actions;
}

ActionSequence SequenceSearch::vary() {
  if (elites_.empty()) {
    return {propose_action()};
  }
  ActionSequence sequence = pick_elite();
  const bool cross = below(4) == 0;
  if (cross) {
    const ActionSequence& other = pick_elite();
    sequence.resize(below(sequence.size() + 1));
    const auto from = static_cast<std::ptrdiff_t>(below(other.size() + 1));
    sequence.insert(sequence.end(), other.begin() + from, other.end());
    sequence.resize(std::min(sequence.size(), kMaxLength));
  }
  for (std::size_t left = 1 + below(3); left > 0; --left) {
    mutate(sequence);
  }
  return sequence;
}

void SequenceSearch::mutate(ActionSequence& actions) {
  enum { kInsert, kInsertToo, kReplace, kRemove, kMove, kKinds };
  const std::size_t kind = actions.empty() ? std::size_t{kInsert} : below(kKinds);
  if ((kind == kInsert || kind == kInsertToo) && actions.size() < kMaxLength) {
    const auto at = static_cast<std::ptrdiff_t>(below(actions.size() + 1));
    actions.insert(actions.begin() + at, propose_action());
    return;
  }
  const std::size_t at = below(actions.size());
  if (kind == kReplace) {
    actions[at] = propose_action();
    return;
  }
  const int taken = actions[at];
  actions.erase(actions.begin() + static_cast<std::ptrdiff_t>(at));
  if (kind == kMove) {
    const auto to = static_cast<std::ptrdiff_t>(below(actions.size() + 1));
    actions.insert(actions.begin() + to, taken);
  }
}

}  // namespace compiler_gym
