#include "sessions/llvm/run/runtime_measurement.h"

#include <gmock/gmock.h>

#include <algorithm>
#include <numeric>
#include <optional>
#include <random>

#include "sessions/llvm/measurement_observation.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/parse_json.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;

// ----------------------------------------------------------------------------------------- the estimate

std::vector<double> one_to(int last) {
  std::vector<double> values(static_cast<std::size_t>(last));
  std::iota(values.begin(), values.end(), 1.0);
  std::ranges::shuffle(values, std::mt19937(1));
  return values;
}

struct EstimateRow {
  int values;
  double low;
  double median;
  double high;
  double confidence;
};

class MedianEstimateTest : public ::testing::TestWithParam<EstimateRow> {};

// The ranks and probabilities are those of tables of the binomial distribution.
TEST_P(MedianEstimateTest, IsBetweenTwoOfTheValues) {
  const MedianEstimate estimate = estimate_median(one_to(GetParam().values));
  EXPECT_EQ(estimate.low, GetParam().low);
  EXPECT_EQ(estimate.median, GetParam().median);
  EXPECT_EQ(estimate.high, GetParam().high);
  EXPECT_NEAR(estimate.confidence, GetParam().confidence, 0.0005);
}

INSTANTIATE_TEST_SUITE_P(
    , MedianEstimateTest,
    ::testing::Values(EstimateRow{1, 1, 1, 1, 0}, EstimateRow{2, 1, 1.5, 2, 0.5},
                      EstimateRow{5, 1, 3, 5, 0.9375}, EstimateRow{6, 1, 3.5, 6, 0.96875},
                      EstimateRow{10, 2, 5.5, 9, 0.9785}, EstimateRow{25, 8, 13, 18, 0.9567},
                      EstimateRow{1000, 469, 500.5, 532, 0.9537}),
    [](const auto& row) { return "Of" + std::to_string(row.param.values); });

TEST(MedianEstimateOfRunTimesTest, AnOutlierMovesNothing) {
  std::vector<double> values = one_to(11);
  const MedianEstimate before = estimate_median(values);
  *std::ranges::max_element(values) = 1e9;
  const MedianEstimate after = estimate_median(values);
  EXPECT_EQ(after.median, before.median);
  EXPECT_EQ(after.high, before.high);
  EXPECT_EQ(after.spread, before.spread);
  EXPECT_DOUBLE_EQ(before.spread, 5.0 / 6.0) << "from 3.5 to 8.5, of 6";
}

TEST(MeasurementEffortTest, IsEnoughWhenRunsAndTimeAre) {
  const MeasurementEffort effort{.min_runs = 10, .min_time = 1s};
  EXPECT_FALSE(effort.is_enough(9, 5s));
  EXPECT_FALSE(effort.is_enough(10, 999ms));
  EXPECT_TRUE(effort.is_enough(10, 1s));
  EXPECT_TRUE(effort.is_enough(MeasurementEffort::kMaxRuns, 1ms))
      << "of a program that does nothing";
  const MeasurementEffort more{.min_runs = 2000, .min_time = 0ms};
  EXPECT_FALSE(more.is_enough(1999, 1s));
  EXPECT_TRUE(more.is_enough(2000, 1s));
}

// ---------------------------------------------------------------------------------------------- the text

TEST(MeasurementJsonTest, HasTheEventsIfEveryRunHasThem) {
  std::vector<MeasuredRun> runs(3);
  for (std::size_t i = 0; i < runs.size(); ++i) {
    const auto number = static_cast<int>(i) + 1;
    runs[i] = {.elapsed = number * 100ms,
               .processor_time = number * 10ms,
               .events = EventCounts{.instructions = 1000U * (i + 1), .cycles = 500U * (i + 1)}};
  }
  const llvm::json::Object object =
      parse_json(measurement_json(runs, 2, {.number = 3, .reserved = true}));
  EXPECT_EQ(object.getNumber("median_seconds"), 0.2);
  EXPECT_EQ(object.getNumber("median_processor_seconds"), 0.02);
  EXPECT_EQ(object.getNumber("median_instructions"), 2000.0);
  EXPECT_EQ(object.getNumber("median_cycles"), 1000.0);
  EXPECT_EQ(object.getInteger("runs"), 3);
  EXPECT_EQ(object.getInteger("warmups"), 2);
  EXPECT_EQ(object.getInteger("processor"), 3);
  EXPECT_EQ(object.getBoolean("reserved"), true);
  EXPECT_EQ(object.getArray("times")->size(), 3U);
  EXPECT_EQ(object.get("no_counters"), nullptr);

  runs[1].events.reset();
  const llvm::json::Object without = parse_json(measurement_json(runs, 2, {}));
  EXPECT_EQ(without.get("median_cycles"), nullptr);
  EXPECT_NE(without.get("no_counters"), nullptr);
}

// ------------------------------------------------------------------------------------- the observation

class RuntimeMeasurementTest : public LlvmFixture {
 protected:
  RuntimeMeasurementTest() : LlvmFixture({.all_observations = true}) {}

  static void set(LlvmSession& session, const std::string& key, const std::string& value) {
    std::optional<std::string> reply;
    EXPECT_TRUE(session.handleSessionParameter(key, value, reply).ok());
    EXPECT_EQ(reply, value);
  }
};

TEST_F(RuntimeMeasurementTest, TellsTheMedianAndHowSureItIs) {
  const auto session = start(runnable_benchmark("echo run >> runs && ./a.out"));
  set(*session, "llvm.set_min_runs_per_measurement", "6");
  set(*session, "llvm.set_min_milliseconds_per_measurement", "0");
  Opaque opaque;
  ASSERT_TRUE(observe(*session, "RuntimeMeasurement").any_value().UnpackTo(&opaque));
  EXPECT_EQ(opaque.format(), "json://");
  const llvm::json::Object json = parse_json(opaque.data());
  EXPECT_EQ(json.getInteger("runs"), 6);
  EXPECT_EQ(json.getInteger("warmups"), 1) << "the first run is of another kind";
  EXPECT_EQ(json.getBoolean("reserved"), false);
  EXPECT_GT(*json.getNumber("low_seconds"), 0);
  EXPECT_LE(*json.getNumber("low_seconds"), *json.getNumber("median_seconds"));
  EXPECT_LE(*json.getNumber("median_seconds"), *json.getNumber("high_seconds"));
  EXPECT_DOUBLE_EQ(*json.getNumber("confidence"), 0.96875);
  EXPECT_FALSE(session->leavesNothingBehind());
}

TEST_F(RuntimeMeasurementTest, OfWhatCannotBeRunIsRefused) {
  const auto benchmark = runnable_benchmark("./a.out");
  benchmark->mutable_dynamic_config()->clear_run_cmd();
  const auto session = start(benchmark);
  Event event;
  const grpc::Status status = try_observe(*session, "RuntimeMeasurement", event);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(), HasSubstr("benchmark://test/runnable"));
}

TEST_F(RuntimeMeasurementTest, OfAProgramThatFailsSaysSo) {
  const auto session = start(runnable_benchmark("exit 3"));
  Event event;
  EXPECT_THAT(try_observe(*session, "RuntimeMeasurement", event).error_message(),
              HasSubstr("failed with exit code 3"));
}

}  // namespace
}  // namespace compiler_gym
