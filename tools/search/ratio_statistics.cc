#include "tools/search/ratio_statistics.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <numeric>

#include "tools/search/search_method.h"

namespace compiler_gym {

GeometricMean geometric_mean(const std::vector<double>& ratios, std::uint64_t seed) {
  constexpr std::size_t kSamples = 10'000;
  constexpr std::size_t kTail = kSamples / 40;  // 2.5% on each side
  if (ratios.empty()) {
    return {};
  }
  std::vector<double> logs;
  for (const double ratio : ratios) {
    logs.push_back(std::log(ratio));
  }
  const auto count = static_cast<double>(logs.size());
  const double mean = std::accumulate(logs.begin(), logs.end(), 0.0) / count;
  Dice dice(seed);
  std::vector<double> means;
  for (std::size_t sample = 0; sample < kSamples; ++sample) {
    double sum = 0;
    for (std::size_t i = 0; i < logs.size(); ++i) {
      sum += logs[dice.below(logs.size())];
    }
    means.push_back(sum / count);
  }
  std::ranges::sort(means);
  return {.mean = std::exp(mean),
          .low = std::exp(means[kTail]),
          .high = std::exp(means[kSamples - 1 - kTail])};
}

}  // namespace compiler_gym
