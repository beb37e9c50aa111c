#include "sessions/llvm/run/runtime_measurement.h"

#include <algorithm>
#include <cassert>
#include <cmath>

namespace compiler_gym {
namespace {

constexpr double kConfidence = 0.95;

// Of sorted values; between two of them in proportion.
double quantile(const std::vector<double>& sorted, double share) {
  const double position = share * static_cast<double>(sorted.size() - 1);
  const auto below = static_cast<std::size_t>(position);
  const std::size_t above = std::min(below + 1, sorted.size() - 1);
  const double part = position - static_cast<double>(below);
  return sorted[below] + part * (sorted[above] - sorted[below]);
}

// The probability that of so many tosses of a coin exactly `heads` are heads.
double probability_of_heads(std::size_t tosses, std::size_t heads) {
  const auto n = static_cast<double>(tosses);
  const auto k = static_cast<double>(heads);
  return std::exp(std::lgamma(n + 1) - std::lgamma(k + 1) - std::lgamma(n - k + 1) -
                  n * std::log(2.0));
}

}  // namespace

MedianEstimate estimate_median(std::vector<double> values) {
  assert(!values.empty());
  std::ranges::sort(values);
  // The median is below the least value with the probability that all tosses are heads, and so on.
  std::size_t rank = 0;
  double outside = 2 * probability_of_heads(values.size(), 0);
  while (2 * (rank + 1) < values.size()) {
    const double more = outside + 2 * probability_of_heads(values.size(), rank + 1);
    if (more > 1 - kConfidence) {
      break;
    }
    outside = more;
    ++rank;
  }
  const double median = quantile(values, 0.5);
  return {.median = median,
          .low = values[rank],
          .high = values[values.size() - 1 - rank],
          .confidence = std::max(0.0, 1 - outside),
          .spread = median > 0 ? (quantile(values, 0.75) - quantile(values, 0.25)) / median : 0};
}

}  // namespace compiler_gym
