#include "tools/demo/demo_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <sstream>
#include <string>

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

DemoReport small_report() {
  DemoReport report;
  report.action_names = {"-sroa", "-gvn", "-simplifycfg"};
  report.compiler_version = "19.1.7";
  report.programs.push_back({"sort", {.o0 = 4000, .oz = 2000}, {{0, 1, 2}, 1900}});
  report.programs.push_back({"a_long_name", {.o0 = 400, .oz = 100}, {{1}, 110}});
  report.concurrent_sessions = 64;
  report.counts.steps = 500;
  report.search_time = std::chrono::seconds(2);
  return report;
}

std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> lines;
  std::istringstream in(text);
  for (std::string line; std::getline(in, line);) {
    lines.push_back(line);
  }
  return lines;
}

TEST(DemoReportTest, HasALineForEachProgram) {
  const std::vector<std::string> lines = lines_of(to_text(small_report(), 120, false));
  EXPECT_EQ(lines[0], "program         -O0     -Oz   found  vs -Oz  found by");
  EXPECT_EQ(lines[1], "sort           4000    2000    1900   -5.0%  sroa gvn simplifycfg");
  EXPECT_EQ(lines[2], "a_long_name     400     100     110  +10.0%  gvn");
}

TEST(DemoReportTest, SumsUp) {
  const std::string text = to_text(small_report(), 120, false);
  EXPECT_THAT(text, HasSubstr("Smaller than -Oz: 1 of 2 programs; all together -4.3%"));
  EXPECT_THAT(text, HasSubstr("500 steps, 250 per second"));
}

TEST(DemoReportTest, WrapsLongSequencesUnderTheirColumn) {
  DemoReport report = small_report();
  report.programs[0].best.actions.assign(60, 2);
  const std::string second_line = std::string(45, ' ').append("simplifycfg");
  for (const std::size_t columns : {80, 100, 120}) {
    const std::string text = to_text(report, columns, false);
    for (const std::string& line : lines_of(text)) {
      EXPECT_LE(line.size(), columns) << line;
    }
    EXPECT_THAT(lines_of(text)[2], StartsWith(second_line));
  }
}

TEST(DemoReportTest, ShowsAProgramThatNothingMakesSmaller) {
  DemoReport report = small_report();
  report.programs[0].best = {{}, 4000};
  EXPECT_EQ(lines_of(to_text(report, 120, false))[1],
            "sort           4000    2000    4000 +100.0%  (nothing)");
}

TEST(DemoReportTest, UsesColourOnlyWhenAskedTo) {
  EXPECT_THAT(to_text(small_report(), 120, false), Not(HasSubstr("\x1b")));
  EXPECT_THAT(to_text(small_report(), 120, true), HasSubstr("\x1b[32m   -5.0%\x1b[0m"));
}

}  // namespace
}  // namespace compiler_gym
