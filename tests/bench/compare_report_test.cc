#include "bench/compare/compare_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json.hpp>
#include <cmath>
#include <string>

#include "tools/support/statistics.h"

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Not;

TEST(StatisticsTest, MedianIsTheOneInTheMiddleOrTheUpperOfTwo) {
  EXPECT_EQ(median(std::vector<double>{5, 1, 100}), 5);
  EXPECT_EQ(median(std::vector<double>{4, 1, 2, 3}), 3);
  EXPECT_EQ(median(std::vector<int>{7}), 7);
  EXPECT_EQ(median(std::vector<std::string>{"aa", "b", "cccc"}, &std::string::size), 2U);
}

TEST(StatisticsTest, MedianRatioPairsTheRounds) {
  // The ratios are 2, 2 and 0.5; of the medians, 20 and 10, it would be 2 as well, and of the
  // unordered pairs anything.
  struct Round {
    double value;
  };
  const std::vector<Round> items{{2}, {200}, {20}};
  const std::vector<Round> base{{1}, {100}, {40}};
  EXPECT_EQ(median_ratio(items, base, &Round::value), 2);
  const std::vector<Round> other_order{{100}, {1}, {40}};
  EXPECT_EQ(median_ratio(items, other_order, &Round::value), 0.5);
}

TEST(StatisticsTest, MedianRatioLeavesOutWhatCannotBeDivided) {
  const std::vector<double> items{2, 3, 8};
  const auto same = [](double value) { return value; };
  EXPECT_EQ(median_ratio(items, std::vector<double>{1, 0, 4}, same), 2);
  EXPECT_TRUE(std::isnan(median_ratio(items, std::vector<double>{0, 0, 0}, same)));
}

TEST(MeasurementTest, CountsCpuByTheOperationsOfTheRow) {
  LoadResult result;
  result.elapsed = 2s;
  for (int i = 0; i < 100; ++i) {
    result[Rpc::kStartSession].record(1ms, grpc::Status::OK);
    result[Rpc::kEndSession].record(2ms, grpc::Status::OK);
  }
  result[Rpc::kEndSession].record(3ms, unavailable("gone"));
  result.server = ServerResult{.pid = 1, .cpu = 5ms, .usage = {}};
  const Measurement measured = to_measurement(result, Rpc::kStartSession);
  EXPECT_EQ(measured.per_second, 50);
  EXPECT_EQ(measured.cpu_us, 50);
  EXPECT_NEAR(measured.p99_us, 1000, 10);
  EXPECT_EQ(measured.operations, 100U);
  EXPECT_EQ(measured.failed, 1U);
  EXPECT_THAT(measured.first_error, HasSubstr("gone"));
}

std::vector<RowResult> two_rows() {
  const auto rounds = [](double factor) {
    std::vector<Measurement> all;
    for (const double disturbance : {1.0, 2.0, 4.0}) {
      all.push_back({.per_second = 1000 * factor * disturbance,
                     .cpu_us = 10 / factor,
                     .p50_us = 100,
                     .p99_us = 200,
                     .p999_us = 300,
                     .operations = 1000});
    }
    return all;
  };
  std::vector<RowResult> rows;
  for (const int in_flight : {1, 64}) {
    rows.push_back(
        {.row = {.work = Work::kStep, .transport = Transport::kUnix, .in_flight = in_flight},
         .servers = {{.server = "sync", .rounds = rounds(1)},
                     {.server = "ours", .rounds = rounds(2.5)}}});
  }
  return rows;
}

const CompareSetting kSetting{.rounds = 3,
                              .duration = 250ms,
                              .baseline = "sync",
                              .processors = 2,
                              .load_before = 1,
                              .load_after = 3.25};

TEST(CompareReportTest, TableHasMediansAndRatios) {
  const std::string table = to_markdown(kSetting, two_rows());
  EXPECT_THAT(table, HasSubstr("Medians of 3 rounds of 0.25 s; ratios, to `sync`"));
  EXPECT_THAT(table, HasSubstr("load average 1.0 before and 3.2 after"));
  EXPECT_THAT(table,
              HasSubstr("| step/unix/1 | sync | 2000 | 10.0 | 100 | 200 | 300 |  |  |  |  |  |\n"));
  EXPECT_THAT(table,
              HasSubstr("| step/unix/64 | ours | 5000 | 4.00 | 100 | 200 | 300 | 2.50 | 0.40 | "
                        "1.00 | 1.00 | 1.00 |\n"));
  EXPECT_THAT(table, Not(HasSubstr("FAILED")));
}

TEST(CompareReportTest, SaysWhatFailed) {
  std::vector<RowResult> rows = two_rows();
  rows[0].servers[1].rounds[2].failed = 3;
  rows[0].servers[1].rounds[2].first_error = "UNAVAILABLE: gone";
  EXPECT_THAT(to_markdown(kSetting, rows),
              HasSubstr("step/unix/1, ours: 3 calls FAILED, the first with UNAVAILABLE: gone"));
}

TEST(CompareReportTest, RowsWithoutTheBaselineHaveNoRatios) {
  std::vector<RowResult> rows = two_rows();
  std::erase_if(rows[0].servers, [](const auto& server) { return server.server == "sync"; });
  const std::string table = to_markdown(kSetting, rows);
  EXPECT_THAT(table,
              HasSubstr("| step/unix/1 | ours | 5000 | 4.00 | 100 | 200 | 300 |  |  |  |  |  |\n"));
  EXPECT_THAT(table, HasSubstr(" 2.50 |"));
}

TEST(CompareReportTest, JsonHasEveryRound) {
  const auto json = boost::json::parse(to_json(kSetting, two_rows())).as_object();
  EXPECT_EQ(json.at("baseline"), "sync");
  const auto& row = json.at("rows").as_array().at(1).as_object();
  EXPECT_EQ(row.at("row"), "step/unix/64");
  const auto& ours = row.at("servers").as_array().at(1).as_object();
  EXPECT_EQ(ours.at("rounds").as_array().size(), 3U);
  EXPECT_EQ(ours.at("rounds").as_array().at(0).as_object().at("per_second"), 2500.0);
  EXPECT_EQ(ours.at("medians").as_object().at("per_second"), 5000.0);
  EXPECT_EQ(ours.at("median_ratios").as_object().at("per_second"), 2.5);
  EXPECT_TRUE(ours.at("median_ratios").as_object().at("others_per_second").is_null());
}

TEST(CompareReportTest, PlotsHaveALineForEachServer) {
  const std::string svg = to_svg(two_rows());
  EXPECT_THAT(svg, HasSubstr("step/unix: operations per second"));
  EXPECT_THAT(svg, HasSubstr("step/unix: server CPU us per operation"));
  EXPECT_THAT(svg, HasSubstr(">ours<"));
}

}  // namespace
}  // namespace compiler_gym
