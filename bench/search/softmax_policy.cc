#include "bench/search/softmax_policy.h"

#include <algorithm>
#include <cmath>
#include <numeric>

namespace compiler_gym {
namespace {

constexpr double kLearningRate = 0.5;

// A few numbers around one, whatever the size of the program.
std::vector<double> scaled(const std::vector<std::int64_t>& counts) {
  std::vector<double> features{1.0};
  for (const std::int64_t count : counts) {
    features.push_back(std::log1p(static_cast<double>(count)) / 8);
  }
  return features;
}

}  // namespace

std::vector<double> SoftmaxPolicy::distribution(const std::vector<double>& features) const {
  std::vector<double> scores(actions_, 0.0);
  for (std::size_t action = 0; action < weights_.size(); ++action) {
    scores[action] =
        std::inner_product(features.begin(), features.end(), weights_[action].begin(), 0.0);
  }
  const double largest = std::ranges::max(scores);
  double sum = 0;
  for (double& score : scores) {
    score = std::exp(score - largest);
    sum += score;
  }
  for (double& score : scores) {
    score /= sum;
  }
  return scores;
}

std::size_t SoftmaxPolicy::choose(const std::vector<std::int64_t>& counts, std::mt19937_64& random,
                                  PolicyTrace& trace) const {
  trace.features.push_back(scaled(counts));
  trace.probabilities.push_back(distribution(trace.features.back()));
  double left = std::generate_canonical<double, 53>(random);
  std::size_t action = 0;
  while (action + 1 < actions_ && left >= trace.probabilities.back()[action]) {
    left -= trace.probabilities.back()[action++];
  }
  trace.actions.push_back(action);
  return action;
}

void SoftmaxPolicy::learn(const PolicyTrace& trace, double advantage) {
  for (std::size_t step = 0; step < trace.actions.size(); ++step) {
    const std::vector<double>& features = trace.features[step];
    weights_.resize(actions_, std::vector<double>(features.size(), 0.0));
    for (std::size_t action = 0; action < actions_; ++action) {
      const double taken = action == trace.actions[step] ? 1.0 : 0.0;
      const double scale = kLearningRate * advantage * (taken - trace.probabilities[step][action]);
      for (std::size_t i = 0; i < features.size(); ++i) {
        weights_[action][i] += scale * features[i];
      }
    }
  }
}

}  // namespace compiler_gym
