#include "tools/search/search_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/json/parse.hpp>
#include <sstream>
#include <string>
#include <vector>

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

MethodResult result(MethodKind method, std::int64_t value) {
  MethodResult one{.method = method, .value = value, .measurements = 10};
  one.passes = {"default<Oz>", "function(gvn)"};
  one.command = "command of " + std::string(to_string(method)) + " for " + std::to_string(value);
  one.improvements = {{1, 2000}, {2, 1000}, {7, value}};
  return one;
}

SearchReport small_report() {
  SearchReport report{
      .service_version = "0.1.0", .compiler_version = "19.1.7", .seed = 3, .steps = 10};
  ObjectiveReport objective;
  objective.methods = {MethodKind::kRandom, MethodKind::kLocal};
  ProgramReport sort{.program = {.name = "sort", .path = "sort.c", .cflags = ""},
                     .baseline = 1000,
                     .baseline_command = "clang-19 -Oz -c -o sort.o sort.c",
                     .is_validated = true};
  sort.methods = {result(MethodKind::kRandom, 1000), result(MethodKind::kLocal, 900)};
  sort.methods[0].failures = {.crashed = 2, .hung = 1, .miscompiled = 3, .not_reproducible = 4};
  ProgramReport tiny = sort;
  tiny.program.name = "tiny";
  tiny.baseline = 100;
  tiny.is_validated = false;
  tiny.methods = {result(MethodKind::kRandom, 90), result(MethodKind::kLocal, 95)};
  objective.programs = {sort, tiny};
  objective.skipped.push_back({"broken.c", "it can't be compiled"});
  report.objectives.push_back(objective);
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

TEST(SearchTextTest, HasARowForEachProgramAndThenWhatIsSaidOfAll) {
  const std::vector<std::string> lines = lines_of(to_text(small_report()));
  ASSERT_GE(lines.size(), 12U);
  EXPECT_EQ(lines[0],
            "Bytes of code and constants of the object file; 10 steps for each method on each "
            "program, seed 3");
  EXPECT_EQ(lines[2],
            "program                    clang -Oz      random       local        best       ratio");
  EXPECT_EQ(lines[3],
            "sort                            1000        1000         900         900      0.9000");
  EXPECT_EQ(lines[4],
            "tiny                             100          90          95          90      0.9000");
  EXPECT_EQ(lines[5],
            "all together                    1100        1090         995         990      0.9000");
  EXPECT_EQ(lines[6], "geometric mean of ratios           1      0.9487      0.9247      0.9000");
  EXPECT_EQ(lines[7], "  its 95% interval                   0.900-1.000 0.900-0.950 0.900-0.900");
  EXPECT_EQ(lines[8], "crashed                                        2           0");
}

TEST(SearchTextTest, EndsWithTheCommandsOfTheBestAndWhatWasNotSearched) {
  const std::string text = to_text(small_report());
  EXPECT_THAT(text, HasSubstr("2 crashed, 1 hung, 3 miscompiled, 4 not reproducible.\n\n"
                              "command of local for 900\ncommand of random for 90\n\n"
                              "not searched: broken.c: it can't be compiled\n"));
}

TEST(SearchTextTest, OfTheSecondObjectiveItHasTheSumsOnly) {
  SearchReport report = small_report();
  report.objectives.push_back(report.objectives.front());
  report.objectives.back().objective = Objective::kInstructions;
  const std::string text = to_text(report);
  const std::string second = text.substr(text.find("Instructions of the IR"));
  EXPECT_THAT(second, HasSubstr("all together"));
  EXPECT_THAT(second, Not(HasSubstr("\nsort")));
  EXPECT_THAT(second, Not(HasSubstr("command of")));
}

TEST(SearchTextTest, SaysThatItWasInterrupted) {
  SearchReport report = small_report();
  EXPECT_THAT(to_text(report), Not(HasSubstr("INTERRUPTED")));
  report.was_interrupted = true;
  EXPECT_THAT(to_text(report), HasSubstr("INTERRUPTED"));
}

TEST(SearchTextTest, OfNoProgramItSaysWhy) {
  SearchReport report = small_report();
  report.objectives.front().programs.clear();
  EXPECT_THAT(to_text(report), HasSubstr("not searched: broken.c"));
  EXPECT_FALSE(to_json(report).empty());
  EXPECT_FALSE(to_svg(report).empty());
}

TEST(SearchJsonTest, HoldsAllOfIt) {
  const boost::json::value json = boost::json::parse(to_json(small_report()));
  EXPECT_EQ(json.at("compiler_version").as_string(), "19.1.7");
  EXPECT_EQ(json.at("seed").to_number<int>(), 3);
  const boost::json::value& objective = json.at("objectives").at(0);
  EXPECT_EQ(objective.at("objective").as_string(), "size");
  EXPECT_EQ(objective.at("skipped").at(0).at("path").as_string(), "broken.c");
  const boost::json::value& sort = objective.at("programs").at(0);
  EXPECT_EQ(sort.at("clang_oz").to_number<int>(), 1000);
  EXPECT_EQ(sort.at("best").as_string(), "local");
  EXPECT_TRUE(sort.at("is_validated").as_bool());
  const boost::json::value& local = sort.at("methods").at(1);
  EXPECT_EQ(local.at("value").to_number<int>(), 900);
  EXPECT_EQ(local.at("command").as_string(), "command of local for 900");
  EXPECT_EQ(local.at("passes").at(1).as_string(), "function(gvn)");
  EXPECT_EQ(sort.at("methods").at(0).at("failures").at("miscompiled").to_number<int>(), 3);
  const boost::json::value& methods = objective.at("methods");
  EXPECT_EQ(methods.at(0).at("sum").to_number<int>(), 1090);
  EXPECT_EQ(methods.at(2).at("method").as_string(), "best");
  EXPECT_NEAR(methods.at(2).at("geometric_mean_ratio").as_double(), 0.9, 1e-9);
}

TEST(SearchSvgTest, HasALineForEachMethod) {
  const std::string svg = to_svg(small_report());
  EXPECT_THAT(svg, StartsWith("<svg"));
  EXPECT_THAT(svg, HasSubstr("random"));
  EXPECT_THAT(svg, HasSubstr("local"));
  EXPECT_THAT(svg, HasSubstr("size in percent of clang -Oz"));
}

}  // namespace
}  // namespace compiler_gym
