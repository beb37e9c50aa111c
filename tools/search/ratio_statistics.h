// What is said of a method over all programs.
#pragma once

#include <cstdint>
#include <vector>

namespace compiler_gym {

/// A geometric mean, and between what it would be with other programs of the kind.
struct GeometricMean {
  double mean = 1;
  double low = 1;
  double high = 1;
};

/// Of ratios, which are positive. The interval is the 95% one of the bootstrap: of the means of 10,000
/// samples of as many ratios, drawn with replacement, the middle 95%. The same seed gives the same one.
/// Of no ratio, 1; of one, itself.
[[nodiscard]] GeometricMean geometric_mean(const std::vector<double>& ratios, std::uint64_t seed);

}  // namespace compiler_gym
