#include "tools/load/latency_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;
using std::chrono::nanoseconds;

TEST(LatencyHistogramTest, IsAllZeroesWhenEmpty) {
  const LatencyHistogram histogram;
  EXPECT_EQ(histogram.count(), 0);
  EXPECT_EQ(histogram.quantile(0.5), 0ns);
  EXPECT_EQ(histogram.min(), 0ns);
  EXPECT_EQ(histogram.max(), 0ns);
  EXPECT_EQ(histogram.mean(), 0ns);
}

TEST(LatencyHistogramTest, IsExactForSmallValues) {
  LatencyHistogram histogram;
  for (int value = 1; value <= 100; ++value) {
    histogram.record(nanoseconds(value));
  }
  EXPECT_EQ(histogram.quantile(0.5), 50ns);
  EXPECT_EQ(histogram.quantile(0.9), 90ns);
  EXPECT_EQ(histogram.quantile(0.99), 99ns);
  EXPECT_EQ(histogram.quantile(1.0), 100ns);
  EXPECT_EQ(histogram.quantile(0.0), 1ns);
  EXPECT_EQ(histogram.mean(), 50ns);
}

TEST(LatencyHistogramTest, KeepsLeastAndLargestExactly) {
  LatencyHistogram histogram;
  histogram.record(1'234'567ns);
  histogram.record(9'876'543'211ns);
  EXPECT_EQ(histogram.min(), 1'234'567ns);
  EXPECT_EQ(histogram.max(), 9'876'543'211ns);
  EXPECT_EQ(histogram.quantile(1.0), 9'876'543'211ns);
}

TEST(LatencyHistogramTest, QuantilesAreWithinOnePercentOfTheTruthAtEveryScale) {
  // Values over nine orders of magnitude, against the sorted list of them.
  std::mt19937_64 random(7);
  std::uniform_real_distribution<double> exponent(1.0, 10.5);
  LatencyHistogram histogram;
  std::vector<std::int64_t> values;
  for (int i = 0; i < 20'000; ++i) {
    values.push_back(static_cast<std::int64_t>(std::pow(10.0, exponent(random))));
    histogram.record(nanoseconds(values.back()));
  }
  std::sort(values.begin(), values.end());
  for (const double quantile : {0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.999, 0.9999, 1.0}) {
    const auto rank = static_cast<std::size_t>(std::ceil(quantile * 20'000.0));
    const std::int64_t truth = values[rank - 1];
    const std::int64_t reported = histogram.quantile(quantile).count();
    EXPECT_GE(reported, truth) << quantile;
    EXPECT_LE(static_cast<double>(reported), static_cast<double>(truth) * (1 + 1.0 / 128))
        << quantile;
  }
}

TEST(LatencyHistogramTest, EveryPowerOfTwoAndItsNeighboursAreReportedWithinTheirBucket) {
  for (int power = 0; power < 40; ++power) {
    for (const std::int64_t value : {(std::int64_t{1} << power) - 1, std::int64_t{1} << power,
                                     (std::int64_t{1} << power) + 1}) {
      LatencyHistogram histogram;
      histogram.record(nanoseconds(value));
      histogram.record(nanoseconds(value) +
                       1h);  // so that the largest value does not clip the first
      const std::int64_t reported = histogram.quantile(0.5).count();
      EXPECT_GE(reported, value);
      EXPECT_LE(reported, value + value / 128);
    }
  }
}

TEST(LatencyHistogramTest, CountsTimesBeyondItsRangeWithoutLosingTheLargest) {
  LatencyHistogram histogram;
  histogram.record(5h);
  histogram.record(-3ns);
  EXPECT_EQ(histogram.count(), 2);
  EXPECT_EQ(histogram.min(), 0ns);
  EXPECT_EQ(histogram.max(), 5h);
  EXPECT_EQ(histogram.quantile(1.0), 5h);
}

TEST(LatencyHistogramTest, MergingEqualsRecordingEverythingInOne) {
  LatencyHistogram one;
  LatencyHistogram other;
  LatencyHistogram both;
  for (int i = 1; i <= 1000; ++i) {
    (i % 3 == 0 ? one : other).record(nanoseconds(i * i));
    both.record(nanoseconds(i * i));
  }
  one.merge(other);
  EXPECT_EQ(one.count(), both.count());
  EXPECT_EQ(one.mean(), both.mean());
  EXPECT_EQ(one.min(), both.min());
  EXPECT_EQ(one.max(), both.max());
  for (const double quantile : {0.1, 0.5, 0.9, 0.999}) {
    EXPECT_EQ(one.quantile(quantile), both.quantile(quantile));
  }
}

}  // namespace
}  // namespace compiler_gym
