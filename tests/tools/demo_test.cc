// The demo, its options, and a short run of it as a user would start it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdio.h>
#include <sys/wait.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <charconv>
#include <sstream>
#include <string>
#include <vector>

#include "tools/demo/demo_options.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

class DemoOptionsTest : public ::testing::Test {
 protected:
  DemoOptionsTest() : tree_(fs::temp_directory_path() / fs::unique_path()) {
    fs::create_directories(tree_ / "bin");
    fs::create_directories(tree_ / "programs");
  }
  ~DemoOptionsTest() override { fs::remove_all(tree_); }

  Result<DemoOptions> parse(std::vector<const char*> arguments) {
    arguments.insert(arguments.begin(), "compiler_gym-demo");
    return parse_demo_options(static_cast<int>(arguments.size()), arguments.data(), tree_ / "bin");
  }

  const fs::path tree_;
};

TEST_F(DemoOptionsTest, FindsServiceAndProgramsInTheBuildTree) {
  for (const char* name : {"b.bc", "a.bc", "note.txt"}) {
    fs::ofstream(tree_ / "programs" / name) << "x";
  }
  const auto options = parse({});
  ASSERT_TRUE(options) << to_string(options.error());
  EXPECT_EQ(options->service, tree_ / "bin" / "compiler_gym-llvm-service");
  EXPECT_THAT(options->programs,
              ElementsAre(tree_ / "programs" / "a.bc", tree_ / "programs" / "b.bc"));
  EXPECT_EQ(options->sessions, 64);
  EXPECT_EQ(options->duration, 20s);
}

TEST_F(DemoOptionsTest, SaysWhatToDoWhenThereAreNoPrograms) {
  const auto options = parse({});
  ASSERT_FALSE(options);
  EXPECT_THAT(options.error().error_message(), HasSubstr("build the target compiler_gym_programs"));
}

TEST_F(DemoOptionsTest, NamesTheFlagAndWhatIsAllowed) {
  EXPECT_EQ(parse({"--program=a.bc", "--seconds=1"}).error().error_message(),
            "flag 'seconds': '1' is not a number from 2 to 86400");
  EXPECT_EQ(parse({"--program=a.bc", "--sessions=many"}).error().error_message(),
            "flag 'sessions': 'many' is not a number from 1 to 10000");
  EXPECT_EQ(parse({"--programs=a.bc"}).error().error_message(),
            "unknown flag 'programs'; --help lists them");
}

struct Output {
  std::string text;
  int exit_status = -1;
};

/// stdout and stderr of a command; neither is a terminal.
Output run(const std::string& command) {
  Output output;
  FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  char buffer[4096];
  while (const std::size_t size = fread(buffer, 1, sizeof buffer, pipe)) {
    output.text.append(buffer, size);
  }
  const int status = pclose(pipe);
  output.exit_status = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return output;
}

const std::string kDemo = std::string(COMPILER_GYM_BIN_DIR) + "/compiler_gym-demo";
const std::string kPrograms = std::string(COMPILER_GYM_BIN_DIR) + "/../programs/";

TEST(DemoTest, PrintsAVerifiedResultForEachProgramAndDrainsTheService) {
  const Output output = run(kDemo + " --seconds 8 --sessions 8 --program " + kPrograms +
                            "sort.bc --program " + kPrograms + "regex.bc");
  ASSERT_EQ(output.exit_status, 0) << output.text;
  EXPECT_THAT(output.text, HasSubstr("The service drained and ended with status 0."));
  EXPECT_THAT(output.text, HasSubstr(" 0 failed requests"));
  EXPECT_THAT(output.text, Not(HasSubstr("\x1b"))) << "colour, though this is no terminal";
  int programs = 0;
  std::istringstream lines(output.text);
  for (std::string line; std::getline(lines, line);) {
    EXPECT_LE(line.size(), 120) << line;
    std::istringstream words(line);
    std::string name;
    std::int64_t o0 = 0;
    std::int64_t oz = 0;
    std::int64_t found = 0;
    if (words >> name >> o0 >> oz >> found && (name == "sort" || name == "regex")) {
      ++programs;
      EXPECT_GT(oz, 0);
      EXPECT_GT(found, 0);
      EXPECT_LT(found, o0) << "the sequences it starts from alone make the code smaller";
    }
  }
  EXPECT_EQ(programs, 2) << output.text;
}

TEST(DemoTest, FailsOnAFileThatIsNoBitcode) {
  const Output output =
      run(kDemo + " --seconds 2 --program " + kPrograms + "../bin/compiler_gym-demo");
  EXPECT_EQ(output.exit_status, 1);
  EXPECT_THAT(output.text, HasSubstr("Failed to parse LLVM bitcode"));
}

TEST(DemoTest, FailsOnAServiceThatDoesNotStart) {
  const Output output = run(kDemo + " --service /bin/false --program " + kPrograms + "sort.bc");
  EXPECT_EQ(output.exit_status, 1);
  EXPECT_THAT(output.text, HasSubstr("ended before it listened: exit status 1"));
}

}  // namespace
}  // namespace compiler_gym
