#include "tools/search/search_options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <string>
#include <vector>

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class SearchOptionsTest : public ::testing::Test {
 protected:
  SearchOptionsTest() : tree_(fs::temp_directory_path() / fs::unique_path()) {
    fs::create_directories(tree_ / "programs");
    for (const char* name : {"b.c", "a.bc", "note.txt"}) {
      fs::ofstream(tree_ / "programs" / name) << "x";
    }
  }
  ~SearchOptionsTest() override { fs::remove_all(tree_); }

  Result<SearchOptions> parse(const std::vector<std::string>& arguments) const {
    std::vector<const char*> argv{"compiler_gym-search"};
    for (const std::string& argument : arguments) {
      argv.push_back(argument.c_str());
    }
    return parse_search_options(static_cast<int>(argv.size()), argv.data(), tree_ / "bin",
                                tree_ / "programs");
  }
  std::string error_of(const std::vector<std::string>& arguments) const {
    const Result<SearchOptions> options = parse(arguments);
    return options ? "" : options.error().error_message();
  }
  std::string path(const std::string& name) const { return (tree_ / "programs" / name).string(); }

  const fs::path tree_;
};

TEST_F(SearchOptionsTest, ByDefaultItSearchesTheProgramsWithAllMethods) {
  const auto options = parse({});
  ASSERT_TRUE(options) << to_string(options.error());
  EXPECT_EQ(options->service, tree_ / "bin" / "compiler_gym-llvm-service");
  ASSERT_EQ(options->programs.size(), 2U);
  EXPECT_EQ(options->programs[0].name, "a");
  EXPECT_FALSE(options->programs[0].is_source);
  EXPECT_EQ(options->programs[1].name, "b");
  EXPECT_TRUE(options->programs[1].is_source);
  EXPECT_EQ(options->methods.size(), kAllMethods.size());
  EXPECT_THAT(options->objectives, ElementsAre(Objective::kSize));
  EXPECT_EQ(options->validate, ValidateWhen::kAuto);
  EXPECT_GT(options->steps, 0);
}

TEST_F(SearchOptionsTest, ReadsWhatItIsTold) {
  const auto options =
      parse({"--program", path("b.c"), "--methods=local,random,local", "--objective=instructions",
             "--objective=size", "--seconds=5", "--seed=7", "--sessions=3", "--validate=never",
             "--json=a.json", "--svg=a.svg", "--cflags=-w -std=gnu89", "--step_timeout=9"});
  ASSERT_TRUE(options) << to_string(options.error());
  EXPECT_THAT(options->methods, ElementsAre(MethodKind::kLocal, MethodKind::kRandom));
  EXPECT_THAT(options->objectives, ElementsAre(Objective::kInstructions, Objective::kSize));
  EXPECT_EQ(options->steps, 0);
  EXPECT_EQ(options->duration, std::chrono::seconds(5));
  EXPECT_EQ(options->seed, 7U);
  EXPECT_EQ(options->sessions, 3);
  EXPECT_EQ(options->validate, ValidateWhen::kNever);
  EXPECT_EQ(options->step_timeout, std::chrono::seconds(9));
  ASSERT_EQ(options->programs.size(), 1U);
  EXPECT_EQ(options->programs[0].path, path("b.c"));
  EXPECT_EQ(options->programs[0].cflags, "-w -std=gnu89");
}

TEST_F(SearchOptionsTest, ProgramsOfOneNameAreToldApart) {
  const auto options = parse({"--program=" + path("b.c"), "--program=" + path("b.c")});
  ASSERT_TRUE(options) << to_string(options.error());
  EXPECT_EQ(options->programs[0].name, "b");
  EXPECT_EQ(options->programs[1].name, "b-2");
}

TEST_F(SearchOptionsTest, PathsBelowTheCurrentDirectoryAreSpelledFromThere) {
  const fs::path before = fs::current_path();
  fs::current_path(tree_);
  const auto options = parse({});
  fs::current_path(before);
  ASSERT_TRUE(options) << to_string(options.error());
  EXPECT_EQ(options->programs[1].path, "programs/b.c");
}

TEST_F(SearchOptionsTest, NamesTheFlagAndWhatIsAllowed) {
  EXPECT_EQ(error_of({"--methods=random,annealing"}),
            "flag 'methods': 'annealing' is none of random, greedy, genetic and local");
  EXPECT_EQ(error_of({"--methods=,"}),
            "flag 'methods': '' is none of random, greedy, genetic and local");
  EXPECT_EQ(error_of({"--objective=speed"}),
            "flag 'objective': 'speed' is neither size nor instructions");
  EXPECT_EQ(error_of({"--validate=yes"}),
            "flag 'validate': 'yes' is none of auto, always and never");
  EXPECT_EQ(error_of({"--steps=0"}), "flag 'steps': '0' is not a number from 1 to 1000000");
  EXPECT_EQ(error_of({"--steps=5", "--seconds=5"}),
            "flags 'steps' and 'seconds': a budget is one of them");
  EXPECT_EQ(
      error_of({"--program=" + path("note.txt")}),
      "flag 'program': '" + path("note.txt") + "' ends neither in .c nor in .bc, and is no folder");
  fs::create_directories(tree_ / "empty");
  EXPECT_THAT(error_of({"--program=" + (tree_ / "empty").string()}),
              HasSubstr("there is neither C nor bitcode in"));
}

}  // namespace
}  // namespace compiler_gym
