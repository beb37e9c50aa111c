// What holds for every action, every test module and random sequences, as clients see it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <memory>
#include <numeric>
#include <random>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "sessions/llvm/actions/actions.h"
#include "tests/llvm/llvm_fixture.h"
#include "tests/llvm/test_modules.h"

namespace compiler_gym {
namespace {

using ::testing::AnyOf;
using ::testing::MatchesRegex;
using ::testing::StartsWith;

using Sequence = std::vector<std::int64_t>;

// LLVM 19's scalarizer uses what it has freed, in vector code with loops such as llvm-stress makes.
// What becomes of that depends on what lies in memory, and a crash is the best of it.
constexpr std::string_view kUnpredictable = "-scalarizer";
// Takes seconds in a module that other actions have made large.
constexpr std::string_view kSlow = "-attributor";

class LlvmPropertyTest : public LlvmFixture, public ::testing::WithParamInterface<std::string> {
 protected:
  // All actions of a space, in a random order or their own, the unpredictable one last.
  static Sequence all_actions(const LlvmActionSpace& space, std::mt19937* random) {
    Sequence order(space.actions.size());
    std::iota(order.begin(), order.end(), 0);
    if (random != nullptr) {
      std::ranges::shuffle(order, *random);
    }
    std::ranges::stable_partition(
        order, [&](std::int64_t index) { return action_at(space, index).flag != kUnpredictable; });
    return order;
  }

  static const LlvmAction& action_at(const LlvmActionSpace& space, std::int64_t index) {
    return space.actions[static_cast<std::size_t>(index)];
  }

  static Sequence random_sequence(const LlvmActionSpace& space, std::mt19937& random,
                                  std::size_t length) {
    std::uniform_int_distribution<std::int64_t> any(0, std::ssize(space.actions) - 1);
    Sequence sequence;
    while (sequence.size() < length) {
      const std::int64_t index = any(random);
      const std::string_view flag = action_at(space, index).flag;
      if (flag != kUnpredictable && flag != kSlow) {
        sequence.push_back(index);
      }
    }
    return sequence;
  }

  std::unique_ptr<LlvmSession> start_in(const LlvmActionSpace& space) {
    return start(benchmark_, std::string(space.name));
  }

  // What a client sees in the end: the hash, or the error that broke the module.
  static std::string outcome(LlvmSession& session) {
    Event event;
    const grpc::Status status = try_observe(session, "IrSha1", event);
    return status.ok() ? event.string_value() : to_string(status);
  }

  // The same after a sequence, or as much of it as there is before the first error.
  static std::string run(LlvmSession& session, std::span<const std::int64_t> sequence) {
    for (const std::int64_t action : sequence) {
      bool had_effect = false;
      if (!try_apply(session, action_event(action), had_effect).ok()) {
        break;
      }
    }
    return outcome(session);
  }

  static bool is_broken(const std::string& outcome) { return outcome.starts_with("DATA_LOSS"); }

  // Applies one action, which leaves a module in order or breaks it in a way that is told, to a
  // session of which the outcome is known so far. Returns what it is then.
  static std::string apply_checked(const LlvmActionSpace& space, std::int64_t index,
                                   LlvmSession& session, const std::string& before) {
    const LlvmAction& action = action_at(space, index);
    bool had_effect = false;
    const grpc::Status status = try_apply(session, action_event(index), had_effect);
    std::string after = outcome(session);
    if (is_broken(after)) {
      const std::string pipeline(action.pipeline);
      EXPECT_THAT(after, AnyOf(StartsWith("DATA_LOSS: LLVM crashed while running " + pipeline),
                               StartsWith("DATA_LOSS: LLVM crashed while verifying the module: "),
                               StartsWith("DATA_LOSS: LLVM crashed while computing an observation"),
                               StartsWith("DATA_LOSS: Running " + pipeline + " failed: "),
                               StartsWith("DATA_LOSS: Failed to verify module: ")))
          << action.flag;
      EXPECT_TRUE(status.ok() || to_string(status) == after) << "that is the answer from then on";
      // Of CompilerGym's actions some do crash; what is in the other spaces was chosen not to.
      EXPECT_EQ(space.name, "PassesAll") << action.flag << ": " << after;
    } else {
      EXPECT_TRUE(status.ok()) << action.flag << ": " << to_string(status);
      EXPECT_THAT(after, MatchesRegex("[0-9a-f]{40}")) << action.flag;
      // "Effect" may be an overstatement, "no effect" is none.
      EXPECT_TRUE(had_effect || after == before)
          << action.flag << " changed the module and said it did not";
    }
    return after;
  }

  const std::shared_ptr<const Benchmark> benchmark_ =
      make_benchmark("benchmark://" + GetParam(), start_bitcode(GetParam()));
};

TEST_P(LlvmPropertyTest, EveryActionOnTheBenchmarkLeavesAModuleInOrderOrASpecificError) {
  const std::string before = sha1(*start(benchmark_));
  for (const LlvmActionSpace& space : llvm_action_spaces()) {
    for (const std::int64_t index : all_actions(space, nullptr)) {
      apply_checked(space, index, *start_in(space), before);
    }
  }
}

// All actions, one after another in a random order, so that each meets a state that others made;
// and the same again, which gives the same.
TEST_P(LlvmPropertyTest, EveryActionOnWhatOthersHaveMadeDoesTheSameTwice) {
  constexpr unsigned kSeed = 1;
  SCOPED_TRACE("seed " + std::to_string(kSeed));
  std::mt19937 random(kSeed);
  const std::string start = sha1(*LlvmFixture::start(benchmark_));
  for (const LlvmActionSpace& space : llvm_action_spaces()) {
    std::unique_ptr<LlvmSession> session = start_in(space);
    std::unique_ptr<LlvmSession> again = start_in(space);
    std::string outcome = start;
    for (const std::int64_t index : all_actions(space, &random)) {
      outcome = apply_checked(space, index, *session, outcome);
      const std::string outcome_again = run(*again, std::span(&index, 1));
      const std::string_view flag = action_at(space, index).flag;
      if (flag != kUnpredictable) {
        EXPECT_EQ(outcome_again, outcome) << flag;
      }
      if (is_broken(outcome)) {
        session = start_in(space);
        again = start_in(space);
        outcome = start;
      }
    }
  }
}

TEST_P(LlvmPropertyTest, ForkReplayAndOriginalAreEqual) {
  for (unsigned seed = 1; seed <= 9; ++seed) {
    const LlvmActionSpace& space = llvm_action_spaces()[seed % llvm_action_spaces().size()];
    std::mt19937 random(seed);
    // A pipeline is a sequence of its own.
    const std::size_t length = space.name == "Pipelines" ? 1 : 8;
    const Sequence before = random_sequence(space, random, length);
    const Sequence after = random_sequence(space, random, length);
    SCOPED_TRACE("seed " + std::to_string(seed) + " in " + std::string(space.name) + ": " +
                 ::testing::PrintToString(before) + " then " + ::testing::PrintToString(after));

    const auto original = start_in(space);
    const auto replay = start_in(space);
    const std::string at_fork = run(*original, before);
    LlvmSession child(context_);
    if (const grpc::Status status = child.init(original.get()); !status.ok()) {
      EXPECT_EQ(to_string(status), at_fork)
          << "what broke the parent is what keeps it from forking";
      EXPECT_EQ(run(*replay, before), at_fork);
      continue;
    }
    EXPECT_EQ(outcome(child), at_fork);
    const std::string end = run(*original, after);
    EXPECT_EQ(run(child, after), end);
    static_cast<void>(run(*replay, before));
    EXPECT_EQ(run(*replay, after), end);
    LlvmSession grandchild(context_);
    if (grandchild.init(&child).ok()) {
      EXPECT_EQ(outcome(grandchild), end);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modules, LlvmPropertyTest, ::testing::ValuesIn(module_names()),
                         [](const auto& instance) { return instance.param; });

TEST(PropertyTestModulesTest, HoldProgramsByCsmith) {
  const auto of_csmith = std::ranges::count_if(
      module_names(), [](const std::string& name) { return name.starts_with("csmith_"); });
  if (of_csmith == 0) {
    GTEST_SKIP() << "csmith was not there when the build was configured: its programs are left out "
                    "(apt-get install csmith libcsmith-dev)";
  }
  EXPECT_EQ(of_csmith, 4);
}

}  // namespace
}  // namespace compiler_gym
