// The size that ships: what clang -Oz, -Os and -O2 make of a program, byte for byte.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/tool_commands.h"

namespace compiler_gym {
namespace {

constexpr std::string_view kShippedLevels[] = {"-O2", "-Os", "-Oz"};

std::string source_of(const std::string& program) {
  return COMPILER_GYM_TEST_PROGRAMS "/" + program + ".c";
}

// `-Oz` makes `ShippedTextSizeOz`.
std::string baseline_of(std::string_view level) {
  return "ShippedTextSize" + std::string(level.substr(1));
}

class ShippedSizeTest : public LlvmFixture {
 protected:
  ShippedSizeTest() : LlvmFixture({.all_observations = true}) {}

  std::int64_t size_by_clang(const std::string& source, const std::string& flags) const {
    tools_.run("clang -w -std=c11 " + flags + " -c -o by_clang.o " + source);
    return tools_.text_size("by_clang.o");
  }

  const ToolCommands tools_;
};

class ShippedSizeOfProgramTest : public ShippedSizeTest,
                                 public ::testing::WithParamInterface<const char*> {};

TEST_P(ShippedSizeOfProgramTest, BaselinesAreWhatClangGivesWhateverLevelTheModuleIsOf) {
  const std::string source = source_of(GetParam());
  for (const std::string_view from : kShippedLevels) {
    const std::string bitcode = tools_.unoptimised(source, std::string(from));
    const auto session = start(make_benchmark("benchmark://test/" + std::string(from), bitcode));
    for (const std::string_view level : kShippedLevels) {
      EXPECT_EQ(number(*session, baseline_of(level)), size_by_clang(source, std::string(level)))
          << level << " of a module of " << from;
    }
  }
}

TEST_P(ShippedSizeOfProgramTest, OfTheWholePipelineIsWhatClangGives) {
  const std::string source = source_of(GetParam());
  for (const std::string_view level : kShippedLevels) {
    const std::string flag(level);
    const auto session = start(
        make_benchmark("benchmark://test/" + flag, tools_.unoptimised(source, flag)), "Pipelines");
    const std::vector<std::string> pipelines{"-O1", "-O2", "-O3", "-Os", "-Oz"};
    const auto index = std::ranges::find(pipelines, level) - pipelines.begin();
    bool had_effect = false;
    ASSERT_TRUE(try_apply(*session, action_event(index), had_effect).ok());
    EXPECT_EQ(number(*session, "ShippedTextSizeBytes"), size_by_clang(source, flag)) << level;
  }
}

INSTANTIATE_TEST_SUITE_P(Programs, ShippedSizeOfProgramTest,
                         ::testing::Values("bytecode", "calculator", "compress", "hash_table",
                                           "matrix", "regex", "shortest_path", "sort",
                                           "string_search"),
                         [](const auto& instance) { return std::string(instance.param); });

// The flags that clang writes into a module and not into its functions.
TEST_F(ShippedSizeTest, HeedsWhatTheModuleFlagsSay) {
  tools_.write("flags.c", R"(
    extern int shared;
    static _Thread_local int counter;
    _Thread_local int exported;
    int next(int (*f)(int), int x) {
      switch (x) {
        case 1: return f(1) + shared;
        case 2: return f(7) - 3;
        case 3: return f(9) * 5;
        case 4: return f(3) ^ 7;
        case 5: return ++counter + exported;
      }
      return 0;
    }
  )");
  std::vector<std::int64_t> sizes;
  for (const char* flags : {"-Oz", "-Oz -fPIC", "-Oz -fcf-protection=branch", "-Oz -g",
                            "-Oz -fno-omit-frame-pointer"}) {
    const std::string bitcode = tools_.unoptimised("flags.c", flags);
    const auto session = start(make_benchmark("benchmark://test/flags", bitcode));
    const std::int64_t expected = size_by_clang("flags.c", flags);
    EXPECT_EQ(number(*session, "ShippedTextSizeOz"), expected) << flags;
    apply(*session, "-mem2reg");
    tools_.run(
        "opt -relocation-model=pic -passes=mem2reg unoptimised.bc | "
        "clang -Oz -Xclang -disable-llvm-passes -c -x ir -o by_clang.o -");
    EXPECT_EQ(number(*session, "ShippedTextSizeBytes"), tools_.text_size("by_clang.o")) << flags;
    sizes.push_back(expected);
  }
  EXPECT_NE(sizes[0], sizes[1]) << "the flags of this test make a difference";
  EXPECT_NE(sizes[0], sizes[2]) << "the flags of this test make a difference";
}

// For which clang's code generator does what it would not do for functions of the program's own.
TEST_F(ShippedSizeTest, KnowsTheFunctionsOfTheLibrary) {
  tools_.write("library.c", R"(
    #include <string.h>
    int same4(const char *one, const char *other) { return memcmp(one, other, 4) == 0; }
    int same8(const char *one, const char *other) { return memcmp(one, other, 8) == 0; }
  )");
  for (const std::string level : {"-O2", "-Os", "-Oz"}) {
    const auto session =
        start(make_benchmark("benchmark://test/library", tools_.unoptimised("library.c", level)));
    EXPECT_EQ(number(*session, baseline_of(level)), size_by_clang("library.c", level)) << level;
  }
}

TEST_F(ShippedSizeTest, IsThatOfTheObjectFileAlsoWhereTheBenchmarkBringsItsBuildCommand) {
  const std::string bitcode = tools_.unoptimised(source_of("sort"), "-Oz");
  Benchmark buildable;
  buildable.set_uri("benchmark://test/buildable");
  buildable.mutable_program()->set_contents(bitcode);
  Command& build = *buildable.mutable_dynamic_config()->mutable_build_cmd();
  for (const char* argument : {"$CC", "$IN", "-o", "a.out"}) {
    build.add_argument(argument);
  }
  build.add_outfile("a.out");
  const auto session = start(std::make_shared<const Benchmark>(buildable));
  EXPECT_EQ(number(*session, "ShippedTextSizeOz"), size_by_clang(source_of("sort"), "-Oz"));
}

// One code generator for one program after another.
TEST_F(ShippedSizeTest, DoesNotDependOnWhatWasCompiledBefore) {
  std::vector<std::int64_t> first;
  for (const int round : {0, 1}) {
    std::size_t position = 0;
    for (const std::string& name : module_names()) {
      const auto session = start(
          make_benchmark("benchmark://test/" + name + std::to_string(round), start_bitcode(name)));
      apply(*session, "-mem2reg");
      const std::int64_t size = number(*session, "ShippedTextSizeBytes");
      if (round == 0) {
        first.push_back(size);
      } else {
        EXPECT_EQ(size, first[position]) << name;
      }
      ++position;
    }
  }
}

}  // namespace
}  // namespace compiler_gym
