#include "tools/search/genetic_method.h"

#include <algorithm>
#include <array>
#include <numeric>
#include <utility>

#include "tools/search/pass_change.h"

namespace compiler_gym {
namespace {

constexpr std::size_t kElites = 24;
constexpr double kUsualWeight = 1.0;
constexpr double kKnownWeight = 6.0;  // of passes in the known sequences
constexpr double kReward = 2.0;
constexpr double kMaxWeight = 30.0;
constexpr double kPenalty = 0.5;

}  // namespace

GeneticMethod::GeneticMethod(SearchSpace space, std::uint64_t seed)
    : known_(std::move(space.known)),
      weights_(static_cast<std::size_t>(space.passes), kUsualWeight),
      dice_(seed) {
  for (const PassSequence& sequence : known_) {
    for (const int pass : sequence) {
      weights_[static_cast<std::size_t>(pass)] = kKnownWeight;
    }
  }
  std::ranges::reverse(known_);
}

Proposal GeneticMethod::propose() {
  if (!known_.empty()) {
    PassSequence sequence = std::move(known_.back());
    known_.pop_back();
    proposed_.insert(sequence);
    return {.passes = std::move(sequence)};
  }
  // A proposal that was made before is varied further; if that never leads out of what is known, one
  // random pass does.
  PassSequence sequence = vary();
  while (!proposed_.insert(sequence).second) {
    mutate(sequence);
  }
  return {.passes = std::move(sequence)};
}

int GeneticMethod::draw_pass() {
  const double total = std::accumulate(weights_.begin(), weights_.end(), 0.0);
  double left = dice_.fraction() * total;
  std::size_t pass = 0;
  while (pass + 1 < weights_.size() && left >= weights_[pass]) {
    left -= weights_[pass++];
  }
  return static_cast<int>(pass);
}

void GeneticMethod::report(const PassSequence& passes, std::optional<std::int64_t> value) {
  if (!value) {
    penalise(passes);
    return;
  }
  proposed_.insert(passes);
  if (elites_.empty() || *value < elites_.front().value) {
    reward(passes);
  }
  insert({passes, *value});
}

void GeneticMethod::reward(const PassSequence& passes) {
  for (const int pass : passes) {
    double& weight = weights_[static_cast<std::size_t>(pass)];
    weight = std::min(weight + kReward / static_cast<double>(passes.size()), kMaxWeight);
  }
}

void GeneticMethod::penalise(const PassSequence& passes) {
  for (const int pass : passes) {
    weights_[static_cast<std::size_t>(pass)] *= kPenalty;
  }
}

void GeneticMethod::insert(const ScoredSequence& scored) {
  const auto worse = std::ranges::find_if(elites_, [&](const ScoredSequence& elite) {
    return scored.is_better_than(elite) || scored.passes == elite.passes;
  });
  // Of sequences that come to the same value and length a few are enough: the rest would crowd out
  // those that lead somewhere else.
  constexpr int kMaxEqual = 4;
  const auto equals = std::ranges::count_if(elites_, [&](const ScoredSequence& elite) {
    return !scored.is_better_than(elite) && !elite.is_better_than(scored);
  });
  const bool is_known = worse != elites_.end() && worse->passes == scored.passes;
  if (!is_known && equals < kMaxEqual) {
    elites_.insert(worse, scored);
    elites_.resize(std::min(elites_.size(), kElites));
  }
}

/// The better ones more often: the best of two drawn at random.
const PassSequence& GeneticMethod::pick_elite() {
  const std::size_t one = dice_.below(elites_.size());
  const std::size_t two = dice_.below(elites_.size());
  return elites_[std::min(one, two)].passes;
}

PassSequence GeneticMethod::vary() {
  if (elites_.empty()) {
    return {draw_pass()};
  }
  PassSequence sequence = pick_elite();
  const bool cross = dice_.below(4) == 0;
  if (cross) {
    const PassSequence& other = pick_elite();
    sequence.resize(dice_.below(sequence.size() + 1));
    const auto from = static_cast<std::ptrdiff_t>(dice_.below(other.size() + 1));
    sequence.insert(sequence.end(), other.begin() + from, other.end());
    sequence.resize(std::min(sequence.size(), kMaxLength));
  }
  for (std::size_t left = 1 + dice_.below(3); left > 0; --left) {
    mutate(sequence);
  }
  return sequence;
}

void GeneticMethod::mutate(PassSequence& passes) {
  using enum PassChange;
  constexpr std::array kChanges{kInsert, kInsert, kReplace, kRemove, kMove};
  const PassChange change = passes.empty() ? kInsert : kChanges[dice_.below(kChanges.size())];
  change_one(passes, change, dice_, [this] { return draw_pass(); });
}

}  // namespace compiler_gym
