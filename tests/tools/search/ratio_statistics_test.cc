#include "tools/search/ratio_statistics.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace compiler_gym {
namespace {

TEST(GeometricMeanTest, OfRatiosThatCancelIsOne) {
  const GeometricMean mean = geometric_mean({0.5, 2.0, 0.25, 4.0}, 1);
  EXPECT_DOUBLE_EQ(mean.mean, 1);
  EXPECT_LT(mean.low, 1);
  EXPECT_GT(mean.high, 1);
}

TEST(GeometricMeanTest, OfEqualRatiosHasNoWidth) {
  const GeometricMean mean = geometric_mean({0.9, 0.9, 0.9}, 1);
  EXPECT_NEAR(mean.mean, 0.9, 1e-12);
  EXPECT_NEAR(mean.low, 0.9, 1e-12);
  EXPECT_NEAR(mean.high, 0.9, 1e-12);
}

TEST(GeometricMeanTest, OfNothingIsOne) {
  EXPECT_EQ(geometric_mean({}, 1).mean, 1);
}

TEST(GeometricMeanTest, ItsIntervalIsThatOfTheNormalDistributionWhereThereAreMany) {
  // The logarithms are 0 and 1, each half of the time: the mean of n of them has a standard deviation of
  // 0.5 / sqrt(n).
  std::vector<double> ratios;
  for (int i = 0; i < 200; ++i) {
    ratios.insert(ratios.end(), {1.0, std::exp(1.0)});
  }
  const GeometricMean mean = geometric_mean(ratios, 1);
  const double half = 1.96 * 0.5 / std::sqrt(400.0);
  EXPECT_NEAR(std::log(mean.low), 0.5 - half, 0.004);
  EXPECT_NEAR(std::log(mean.high), 0.5 + half, 0.004);
}

TEST(GeometricMeanTest, TheSameSeedGivesTheSameInterval) {
  const std::vector<double> ratios{0.91, 0.97, 0.95, 1.0, 0.99};
  EXPECT_EQ(geometric_mean(ratios, 3).low, geometric_mean(ratios, 3).low);
  EXPECT_EQ(geometric_mean(ratios, 3).mean, geometric_mean(ratios, 4).mean);
}

}  // namespace
}  // namespace compiler_gym
