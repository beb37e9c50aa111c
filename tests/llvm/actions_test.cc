#include "sessions/llvm/actions/actions.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/Passes/PassBuilder.h>

#include <iterator>
#include <set>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

class ActionSpaceTest : public ::testing::TestWithParam<LlvmActionSpace> {};

TEST_P(ActionSpaceTest, FlagsAreUniqueAndWithoutWhiteSpace) {
  std::set<std::string_view> flags;
  for (const LlvmAction& action : GetParam().actions) {
    EXPECT_TRUE(flags.insert(action.flag).second) << action.flag << " is there twice";
    EXPECT_FALSE(action.flag.empty());
    EXPECT_EQ(action.flag.find_first_of(" \t\r\n\v\f"), std::string_view::npos) << action.flag;
  }
}

TEST_P(ActionSpaceTest, PipelinesAreUnderstoodByThisLlvm) {
  for (const LlvmAction& action : GetParam().actions) {
    llvm::PassBuilder builder;
    llvm::ModulePassManager passes;
    llvm::Error error = builder.parsePassPipeline(passes, std::string(action.pipeline));
    EXPECT_FALSE(static_cast<bool>(error)) << action.flag << ": " << action.pipeline;
    llvm::consumeError(std::move(error));
  }
}

TEST_P(ActionSpaceTest, IsFoundByName) {
  const LlvmActionSpace* found = find_llvm_action_space(GetParam().name);
  ASSERT_NE(found, nullptr);
  EXPECT_EQ(found->actions.data(), GetParam().actions.data());
}

INSTANTIATE_TEST_SUITE_P(All, ActionSpaceTest, ::testing::ValuesIn(llvm_action_spaces()),
                         [](const auto& instance) { return std::string(instance.param.name); });

TEST(ActionSpacesTest, UnknownNameIsNotFound) {
  EXPECT_EQ(find_llvm_action_space("PassesSome"), nullptr);
}

TEST(ActionSpacesTest, AreInTheirOrder) {
  std::vector<std::string_view> names;
  for (const LlvmActionSpace& space : llvm_action_spaces()) {
    names.push_back(space.name);
  }
  EXPECT_THAT(names, ::testing::ElementsAre("PassesAll", "NewPM", "Pipelines"));
}

// All of CompilerGym's names at their numbers, which is how clients, and what they have learnt, name
// an action.
TEST(PassesAllTest, HasCompilerGymsFlagsInItsOrder) {
  std::istringstream published(read_file(COMPILER_GYM_TEST_DATA "/passes_all_flags.txt"));
  const std::vector<std::string> expected(std::istream_iterator<std::string>(published), {});
  ASSERT_EQ(expected.size(), 124U);
  std::vector<std::string> flags;
  for (const LlvmAction& action : passes_all_actions()) {
    flags.emplace_back(action.flag);
  }
  EXPECT_EQ(flags, expected);
}

// Rows whose position published results depend on, and one of each way in which LLVM 19 differs.
TEST(PassesAllTest, KeepsCompilerGymsNumbers) {
  const std::span<const LlvmAction> actions = passes_all_actions();
  ASSERT_EQ(actions.size(), 124U);
  const struct {
    std::size_t index;
    std::string_view flag;
    std::string_view pipeline;
  } rows[] = {
      {0, "-add-discriminators", "function(add-discriminators)"},
      {7, "-barrier", "no-op-module"},
      {36, "-inline", "cgscc(inline)"},
      {39, "-gvn", "function(gvn)"},
      {53, "-instcombine", "function(instcombine<no-verify-fixpoint>)"},
      {57, "-licm", "function(loop-mssa(licm))"},
      {70, "-loop-reroll", "no-op-module"},
      {103, "-mem2reg", "function(mem2reg)"},
      {104, "-prune-eh", "cgscc(function-attrs),function(simplifycfg)"},
      {111, "-sroa", "function(sroa)"},
      {123, "-mergereturn", "function(mergereturn)"},
  };
  for (const auto& row : rows) {
    EXPECT_EQ(actions[row.index].flag, row.flag) << row.index;
    EXPECT_EQ(actions[row.index].pipeline, row.pipeline) << row.index;
  }
}

}  // namespace
}  // namespace compiler_gym
