// What README.md shows of the demo is so: its commands give the sizes of its table.
#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <cstdlib>
#include <fstream>
#include <map>
#include <regex>
#include <string>

#include "tests/tools/command_output.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using testing::text_size_by;

const fs::path kSourceTree(COMPILER_GYM_SOURCE_DIR);

/// What README.md says of a program.
struct Shown {
  long clang_oz = -1;
  long best = -1;
  std::string command;
};

std::map<std::string, Shown> shown_programs() {
  // Its size by clang -Oz, by four methods, by the best of them, and the ratio.
  const std::regex row(R"((\w+) +(\d+)( +\d+){4} +(\d+) +\d\.\d+)");
  const std::regex command(R"((clang-19 .* -o (\w+)\.o -))");
  std::map<std::string, Shown> programs;
  std::ifstream readme((kSourceTree / "README.md").string());
  for (std::string line; std::getline(readme, line);) {
    std::smatch match;
    if (std::regex_match(line, match, row)) {
      programs[match.str(1)].clang_oz = std::stol(match.str(2));
      programs[match.str(1)].best = std::stol(match.str(4));
    } else if (std::regex_match(line, match, command)) {
      programs[match.str(2)].command = match.str(1);
    }
  }
  return programs;
}

class ReadmeCommandsTest : public ::testing::Test {
 protected:
  // The commands name the programs from the top of the source tree, and write where they are run.
  ReadmeCommandsTest() : folder_(fs::temp_directory_path() / fs::unique_path()) {
    fs::create_directories(folder_);
    fs::create_directory_symlink(kSourceTree / "programs", folder_ / "programs");
  }
  ~ReadmeCommandsTest() override { fs::remove_all(folder_); }

  const fs::path folder_;
};

TEST_F(ReadmeCommandsTest, GiveTheSizesOfTheTable) {
  if (std::system("clang-19 --version >/dev/null 2>&1") != 0) {
    GTEST_SKIP() << "there is no clang-19";
  }
  const std::map<std::string, Shown> programs = shown_programs();
  EXPECT_EQ(programs.size(), 9U) << "the programs of programs/";
  for (const auto& [name, shown] : programs) {
    EXPECT_EQ(text_size_by("clang-19 -Oz -c -o " + name + ".o programs/" + name + ".c",
                           folder_.string(), name + ".o"),
              shown.clang_oz)
        << name;
    ASSERT_FALSE(shown.command.empty()) << name << " has no command";
    EXPECT_EQ(text_size_by(shown.command, folder_.string(), name + ".o"), shown.best)
        << shown.command;
  }
}

}  // namespace
}  // namespace compiler_gym
