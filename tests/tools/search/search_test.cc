// The search as a user would start it, with a small budget.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <boost/json/parse.hpp>
#include <iterator>
#include <string>

#include "tests/tools/command_output.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using testing::CommandOutput;
using ::testing::HasSubstr;
using ::testing::Not;
using testing::run_command;
using testing::text_size_by;

const std::string kSearch = std::string(COMPILER_GYM_BIN_DIR) + "/compiler_gym-search";

class SearchTest : public ::testing::Test {
 protected:
  SearchTest() : folder_(fs::temp_directory_path() / fs::unique_path()) {
    fs::create_directories(folder_);
    write("abs.c",
          "#include <stdio.h>\n"
          "static int clamp(int x) { return x < 0 ? 0 : x > 9 ? 9 : x; }\n"
          "int main(void) { int sum = 0; for (int i = -5; i < 20; ++i) sum += clamp(i) * i;\n"
          "  printf(\"%d\\n\", sum); return sum == 1; }\n");
    // No main: it can't be run.
    write("part.c", "int twice(int x) { int y = x; return y + x; }\n");
  }
  ~SearchTest() override { fs::remove_all(folder_); }

  void write(const std::string& name, const std::string& text) const {
    fs::ofstream(folder_ / name) << text;
  }
  std::string read(const std::string& name) const {
    fs::ifstream file(folder_ / name);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  CommandOutput search(const std::string& arguments) const {
    return run_command("cd '" + folder_.string() + "' && " + kSearch + " " + arguments);
  }

  const fs::path folder_;
};

TEST_F(SearchTest, PrintsTheSameEachTimeAndTheCommandsGiveIt) {
  const std::string arguments = "--program . --steps 25 --sessions 2 --json ";
  const CommandOutput first = search(arguments + "first.json");
  ASSERT_EQ(first.exit_status, 0) << first.text;
  const CommandOutput second = search(arguments + "second.json");
  EXPECT_EQ(first.text, second.text);
  EXPECT_EQ(read("first.json"), read("second.json"));
  EXPECT_THAT(first.text, Not(HasSubstr("\x1b"))) << "no progress where there is no terminal";
  EXPECT_THAT(first.text, HasSubstr("for 1 of 2 programs run and compared"));

  const boost::json::value json = boost::json::parse(read("first.json"));
  const boost::json::value& objective = json.at("objectives").at(0);
  ASSERT_EQ(objective.at("programs").as_array().size(), 2U);
  for (const boost::json::value& program : objective.at("programs").as_array()) {
    const std::string name(program.at("name").as_string());
    const auto oz = program.at("clang_oz").to_number<long>();
    const std::string oz_command(program.at("clang_oz_command").as_string());
    EXPECT_EQ(text_size_by(oz_command, folder_.string(), name + ".o"), oz);
    EXPECT_EQ(program.at("is_validated").as_bool(), name == "abs");
    EXPECT_EQ(program.at("methods").as_array().size(), 4U);
    for (const boost::json::value& method : program.at("methods").as_array()) {
      const std::string command(method.at("command").as_string());
      const auto value = method.at("value").to_number<long>();
      EXPECT_EQ(method.at("steps").to_number<int>(), 25);
      EXPECT_LE(value, oz) << "what it starts from is as small as clang -Oz";
      EXPECT_EQ(text_size_by(command, folder_.string(), name + ".o"), value) << command;
      // The table's row has what the JSON has.
      EXPECT_THAT(first.text, ::testing::ContainsRegex(name + " .* " + std::to_string(value)));
    }
  }
}

TEST_F(SearchTest, OtherSeedsAndOneSessionMoreOrLess) {
  const std::string arguments = "--program abs.c --steps 25 --methods random,local ";
  const CommandOutput alone = search(arguments + "--sessions 1 --seed 5");
  ASSERT_EQ(alone.exit_status, 0) << alone.text;
  EXPECT_EQ(search(arguments + "--sessions 8 --seed 5").text, alone.text)
      << "how many run at a time makes no difference";
}

TEST_F(SearchTest, CountsInstructionsToo) {
  const CommandOutput output =
      search("--program abs.c --steps 20 --objective instructions --methods greedy --svg a.svg");
  ASSERT_EQ(output.exit_status, 0) << output.text;
  EXPECT_THAT(output.text, HasSubstr("Instructions of the IR"));
  EXPECT_THAT(output.text, HasSubstr("-o abs.opt.bc"));
  EXPECT_THAT(read("a.svg"), HasSubstr("instructions in percent"));
}

// Whether a function's argument is a constant is decided by the optimiser, and this program prints it: what
// is optimised does something else.
TEST_F(SearchTest, WhatDoesSomethingElseIsNoResult) {
  write("fickle.c",
        "#include <stdio.h>\n"
        "static int is_constant(int x) { return __builtin_constant_p(x); }\n"
        "int main(void) { printf(\"%d\\n\", is_constant(3)); return 0; }\n");
  const CommandOutput output =
      search("--program fickle.c --steps 10 --methods random --json fickle.json");
  ASSERT_EQ(output.exit_status, 0) << output.text;
  const boost::json::value json = boost::json::parse(read("fickle.json"));
  const boost::json::value& program = json.at("objectives").at(0).at("programs").at(0);
  const boost::json::value& random = program.at("methods").at(0);
  EXPECT_TRUE(program.at("is_validated").as_bool());
  EXPECT_GT(random.at("failures").at("miscompiled").to_number<int>(), 0);
  EXPECT_TRUE(random.at("is_baseline").as_bool());
  EXPECT_THAT(std::string(random.at("refused").at(0).at("reason").as_string()),
              HasSubstr("wrong_output: "));
  EXPECT_EQ(random.at("value").to_number<long>(), program.at("clang_oz").to_number<long>());
  EXPECT_EQ(random.at("command").as_string(), "clang-19 -Oz -c -o fickle.o fickle.c");
  EXPECT_THAT(output.text, HasSubstr("\nmiscompiled "));
}

// A function that has to be inlined is, before code is generated: the command has to do that too.
TEST_F(SearchTest, CommandsInlineWhatHasToBe) {
  write("inlined.c",
        "__attribute__((always_inline)) static inline int add(int x, int y) { return x + y; }\n"
        "int main(int argc, char** argv) { (void)argv; return add(argc, -1); }\n");
  const CommandOutput output =
      search("--program inlined.c --steps 10 --methods greedy --json inlined.json");
  ASSERT_EQ(output.exit_status, 0) << output.text;
  const boost::json::value json = boost::json::parse(read("inlined.json"));
  const boost::json::value& greedy =
      json.at("objectives").at(0).at("programs").at(0).at("methods").at(0);
  EXPECT_FALSE(greedy.at("is_baseline").as_bool());
  const std::string command(greedy.at("command").as_string());
  EXPECT_EQ(text_size_by(command, folder_.string(), "inlined.o"),
            greedy.at("value").to_number<long>());
}

TEST_F(SearchTest, NamesWhatItCannotSearchAndGoesOn) {
  write("broken.c", "int main( {");
  write("noise.bc", "this is no bitcode");
  const CommandOutput output = search("--program . --steps 3 --methods random");
  EXPECT_EQ(output.exit_status, 0) << output.text;
  EXPECT_THAT(output.text, HasSubstr("not searched: broken.c: INTERNAL: it failed: clang-19"));
  EXPECT_THAT(output.text, HasSubstr("not searched: noise.bc: INVALID_ARGUMENT"));
  EXPECT_THAT(output.text, HasSubstr("\nabs "));
}

TEST_F(SearchTest, WithoutAProgramToSearchItSaysSoByItsStatus) {
  const CommandOutput output =
      search("--program part.c --validate always --steps 3 --methods random");
  EXPECT_EQ(output.exit_status, 3) << output.text;
  EXPECT_THAT(output.text, HasSubstr("not searched: part.c"));
}

TEST_F(SearchTest, FailsOnAServiceThatDoesNotStart) {
  const CommandOutput output = search("--program abs.c --service /bin/false");
  EXPECT_EQ(output.exit_status, 1);
  EXPECT_THAT(output.text, HasSubstr("ended before it listened: exit status 1"));
}

TEST_F(SearchTest, RefusesAWrongCommandLine) {
  EXPECT_EQ(search("--steps none").exit_status, 2);
}

}  // namespace
}  // namespace compiler_gym
