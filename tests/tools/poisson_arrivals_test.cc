#include "tools/load/poisson_arrivals.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

namespace compiler_gym {
namespace {

std::vector<double> gaps(double rate, std::uint64_t seed, int count) {
  PoissonArrivals arrivals(rate, seed);
  std::vector<double> result;
  std::chrono::duration<double> before{0};
  for (int i = 0; i < count; ++i) {
    const std::chrono::duration<double> now = arrivals.next();
    result.push_back((now - before).count());
    before = now;
  }
  return result;
}

double mean(const std::vector<double>& values) {
  double sum = 0;
  for (const double value : values) {
    sum += value;
  }
  return sum / static_cast<double>(values.size());
}

TEST(PoissonArrivalsTest, ArrivesAtTheRateAskedFor) {
  for (const double rate : {0.5, 100.0, 50'000.0}) {
    EXPECT_NEAR(mean(gaps(rate, 1, 100'000)) * rate, 1.0, 0.02) << rate;
  }
}

TEST(PoissonArrivalsTest, GapsAreExponentiallyDistributed) {
  // P(gap > k / rate) = e^-k, and mean and standard deviation are equal.
  constexpr double kRate = 1000.0;
  const std::vector<double> sample = gaps(kRate, 2, 100'000);
  for (const double k : {0.5, 1.0, 2.0, 3.0}) {
    int longer = 0;
    for (const double gap : sample) {
      longer += gap > k / kRate ? 1 : 0;
    }
    EXPECT_NEAR(longer / 100'000.0, std::exp(-k), 0.01) << k;
  }
  const double average = mean(sample);
  double variance = 0;
  for (const double gap : sample) {
    variance += (gap - average) * (gap - average) / 100'000.0;
  }
  EXPECT_NEAR(std::sqrt(variance) / average, 1.0, 0.02);
}

TEST(PoissonArrivalsTest, TimesNeverGoBack) {
  PoissonArrivals arrivals(1e6, 3);
  std::chrono::nanoseconds before{0};
  for (int i = 0; i < 10'000; ++i) {
    const std::chrono::nanoseconds now = arrivals.next();
    EXPECT_GE(now, before);
    before = now;
  }
}

TEST(PoissonArrivalsTest, IsReproducibleBySeed) {
  EXPECT_EQ(gaps(10, 4, 100), gaps(10, 4, 100));
  EXPECT_NE(gaps(10, 4, 100), gaps(10, 5, 100));
}

}  // namespace
}  // namespace compiler_gym
