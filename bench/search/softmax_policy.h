// A policy that learns: linear in the features, a softmax over the actions.
#pragma once

#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

namespace compiler_gym {

/// What a policy has seen and done in one episode.
struct PolicyTrace {
  std::vector<std::vector<double>> features{};
  std::vector<std::vector<double>> probabilities{};
  std::vector<std::size_t> actions{};
};

/// Not for two threads at once.
class SoftmaxPolicy {
 public:
  explicit SoftmaxPolicy(std::size_t actions) : actions_(actions) {}

  /// An action, by its position, drawn from the distribution; and puts it into the trace.
  [[nodiscard]] std::size_t choose(const std::vector<std::int64_t>& counts, std::mt19937_64& random,
                                   PolicyTrace& trace) const;

  /// Makes what was done more likely, the more so the larger the advantage; less, if it is negative.
  void learn(const PolicyTrace& trace, double advantage);

 private:
  [[nodiscard]] std::vector<double> distribution(const std::vector<double>& features) const;

  std::size_t actions_;
  std::vector<std::vector<double>> weights_;  // by action; none before the first lesson
};

}  // namespace compiler_gym
