#include "bench/compare/compare_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

Result<CompareCommand> parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "compiler_gym-compare");
  return parse_compare_command(static_cast<int>(arguments.size()), arguments.data(), "/a/bin");
}

std::vector<std::string> names(const std::vector<CompareRow>& rows) {
  std::vector<std::string> texts;
  for (const CompareRow& row : rows) {
    texts.push_back(row.name());
  }
  return texts;
}

TEST(CompareOptionsTest, ReadsEveryFlag) {
  const auto command = parse({"--only=^step/unix/", "--rounds", "3", "--seconds=0.25",
                              "--baseline=bare", "--results=/a/results"});
  ASSERT_TRUE(command) << to_string(command.error());
  EXPECT_THAT(names(command->compare.rows),
              ElementsAre("step/unix/1", "step/unix/8", "step/unix/64", "step/unix/512"));
  EXPECT_EQ(command->compare.rounds, 3);
  EXPECT_EQ(command->compare.duration, 250ms);
  EXPECT_EQ(command->compare.baseline, "bare");
  EXPECT_EQ(command->compare.binaries, "/a/bin");
  EXPECT_EQ(command->results, "/a/results");
}

TEST(CompareOptionsTest, HasDefaultsForAFirstLook) {
  const auto command = parse({"--only=version"});
  ASSERT_TRUE(command) << to_string(command.error());
  EXPECT_EQ(command->compare.rounds, 7);
  EXPECT_EQ(command->compare.duration, 1s);
  EXPECT_EQ(command->compare.baseline, "sync");
  EXPECT_EQ(command->results, "");
}

TEST(CompareOptionsTest, TakesTheProgramsOfRowsWithLlvmOnly) {
  const auto without = parse({"--only=version", "--program=a.bc"});
  ASSERT_TRUE(without) << to_string(without.error());
  EXPECT_TRUE(without->compare.programs.empty());
  const std::vector<CompareRow> rows = all_rows();
  if (rows.back().compiler() == "llvm") {
    const auto with = parse({"--only=llvm-step/tcp", "--program=a.bc"});
    ASSERT_TRUE(with) << to_string(with.error());
    EXPECT_THAT(with->compare.programs, ElementsAre("a.bc"));
  }
}

struct BadLine {
  const char* name;
  std::vector<const char*> arguments;
  const char* complaint;
};

class CompareOptionsErrorTest : public ::testing::TestWithParam<BadLine> {};

TEST_P(CompareOptionsErrorTest, NamesWhatIsWrong) {
  const auto command = parse(GetParam().arguments);
  ASSERT_FALSE(command);
  EXPECT_EQ(command.error().error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(command.error().error_message(), HasSubstr(GetParam().complaint));
}

INSTANTIATE_TEST_SUITE_P(
    Rows, CompareOptionsErrorTest,
    ::testing::Values(
        BadLine{"NoRow", {"--only=nothing/like/it"}, "found in no row"},
        BadLine{"NoRegex", {"--only=("}, "not a regular expression"},
        BadLine{"OnlyOfAll", {"--only=step", "--all"}, "exclude each other"},
        BadLine{"NoRounds", {"--rounds=0", "--only=step"}, "flag 'rounds'"},
        BadLine{"NoTime", {"--seconds=0", "--only=step"}, "flag 'seconds'"},
        BadLine{"UnknownBaseline", {"--baseline=theirs", "--only=step"}, "a server 'theirs'"},
        BadLine{
            "BaselineOfOtherRows", {"--baseline=ours-inline", "--only=^step"}, "flag 'baseline'"},
        BadLine{"UnknownFlag", {"--sessions=3"}, "unknown flag 'sessions'"}),
    [](const auto& row) { return std::string(row.param.name); });

TEST(CompareRowTest, NamesAreUniqueAndCoverTheTable) {
  const std::vector<std::string> all = names(all_rows());
  EXPECT_EQ(std::set<std::string>(all.begin(), all.end()).size(), all.size());
  for (const char* work : {"version", "step", "start", "fork"}) {
    for (const char* transport : {"tcp", "unix", "in-process"}) {
      for (const char* in_flight : {"1", "8", "64", "512"}) {
        EXPECT_THAT(all, Contains(std::string(work) + '/' + transport + '/' + in_flight));
      }
    }
  }
}

TEST(CompareRowTest, EveryRowIsMeasuredOnTheSynchronousServerAndOnOurs) {
  for (const CompareRow& row : all_rows()) {
    EXPECT_THAT(row.servers(), Contains("sync")) << row.name();
    EXPECT_THAT(row.servers(), Contains(HasSubstr("ours"))) << row.name();
  }
}

TEST(CompareRowTest, SelectsTheDefaultSetOrAll) {
  const auto some = select_rows(false, "");
  const auto all = select_rows(true, "");
  ASSERT_TRUE(some && all);
  EXPECT_GT(some->size(), 5U);
  EXPECT_LT(some->size(), all->size() / 2);
  EXPECT_EQ(all->size(), all_rows().size());
}

}  // namespace
}  // namespace compiler_gym
