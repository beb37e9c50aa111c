// What holds for every action, every test module and random sequences of actions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <memory>
#include <random>
#include <span>
#include <stop_token>
#include <string>
#include <vector>

#include "sessions/llvm/actions.h"
#include "sessions/llvm/crash_recovery.h"
#include "sessions/llvm/loaded_benchmark.h"
#include "sessions/llvm/optimised_module.h"
#include "sessions/llvm/target_machines.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

using testing::HasSubstr;

using Sequence = std::vector<const LlvmAction*>;

class LlvmPropertyTest : public testing::TestWithParam<StartBitcode> {
 protected:
  static void SetUpTestSuite() { enable_crash_recovery(); }

  OptimisedModule start() { return value_of(OptimisedModule::start(benchmark_, *machines_)); }

  // What a client sees in the end: the hash, or the error that broke the module.
  static std::string outcome(OptimisedModule& module) {
    std::string sum;
    const grpc::Status status = module.read([&](const llvm::Module& ir) { sum = ir_sha1(ir); });
    return status.ok() ? sum : to_string(status);
  }

  static std::string run(OptimisedModule& module, const Sequence& sequence) {
    for (const LlvmAction* action : sequence) {
      if (!module.apply(action->pipeline, action->change_detection)) {
        break;
      }
    }
    return outcome(module);
  }

  static Sequence random_sequence(std::span<const LlvmAction> actions, std::mt19937& random,
                                  std::size_t length) {
    std::uniform_int_distribution<std::size_t> any(0, actions.size() - 1);
    Sequence sequence;
    while (sequence.size() < length) {
      const LlvmAction& action = actions[any(random)];
      if (action.flag != "-attributor") {  // can take seconds
        sequence.push_back(&action);
      }
    }
    return sequence;
  }

  const std::shared_ptr<const LoadedBenchmark> benchmark_ =
      std::make_shared<const LoadedBenchmark>(GetParam().bitcode, BenchmarkDynamicConfig());
  const std::unique_ptr<TargetMachines> machines_ = value_of(TargetMachines::create());
};

// From the benchmark as it is, and from a state that a few other actions have made.
TEST_P(LlvmPropertyTest, EveryActionLeavesAModuleInOrderOrASpecificError) {
  std::mt19937 random(1);
  for (const LlvmActionSpace& space : llvm_action_spaces()) {
    for (const LlvmAction& action : space.actions) {
      for (const std::size_t others : {0, 4}) {
        OptimisedModule module = start();
        const std::string before = run(module, random_sequence(new_pm_actions(), random, others));
        const Result<bool> changed = module.apply(action.pipeline, action.change_detection);
        const std::string after = outcome(module);
        if (!changed) {
          EXPECT_EQ(changed.error().error_code(), grpc::StatusCode::DATA_LOSS) << action.flag;
          EXPECT_THAT(changed.error().error_message(), HasSubstr(action.pipeline));
        } else if (!*changed) {
          // "Effect" may be an overstatement, "no effect" is none.
          EXPECT_EQ(after, before) << action.flag << " changed the module and said it did not";
        }
      }
    }
  }
}

TEST_P(LlvmPropertyTest, NoActionOfNewPmFails) {
  for (const LlvmAction& action : new_pm_actions()) {
    OptimisedModule module = start();
    EXPECT_TRUE(module.apply(action.pipeline, action.change_detection).has_value()) << action.flag;
    EXPECT_TRUE(module.check().ok()) << action.flag;
  }
}

TEST_P(LlvmPropertyTest, ForkReplayAndOriginalAreEqual) {
  for (unsigned seed = 1; seed <= 20; ++seed) {
    const auto actions = seed % 2 == 0 ? passes_all_actions() : new_pm_actions();
    std::mt19937 random(seed);
    const Sequence before = random_sequence(actions, random, 8);
    const Sequence after = random_sequence(actions, random, 8);
    OptimisedModule original = start();
    OptimisedModule replay = start();
    const std::string at_fork = run(original, before);
    Result<OptimisedModule> fork = original.fork(std::stop_token());
    if (!fork) {
      EXPECT_EQ(to_string(fork.error()), at_fork) << "seed " << seed;
      EXPECT_EQ(run(replay, before), at_fork) << "seed " << seed;
      continue;
    }
    EXPECT_EQ(outcome(*fork), at_fork) << "seed " << seed;
    const std::string end = run(original, after);
    EXPECT_EQ(run(*fork, after), end) << "seed " << seed;
    static_cast<void>(run(replay, before));
    EXPECT_EQ(run(replay, after), end) << "seed " << seed;
    if (Result<OptimisedModule> again = fork->fork(std::stop_token()); again) {
      EXPECT_EQ(outcome(*again), end) << "seed " << seed;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Modules, LlvmPropertyTest, testing::ValuesIn(start_bitcodes()),
                         [](const auto& instance) { return instance.param.name; });

}  // namespace
}  // namespace compiler_gym
