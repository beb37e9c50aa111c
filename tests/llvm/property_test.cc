// What holds for every action, every test module and random sequences of actions.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <memory>
#include <random>
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

  static Sequence random_sequence(std::mt19937& random, std::size_t length) {
    const auto actions = passes_all_actions();
    std::uniform_int_distribution<std::size_t> any(0, actions.size() - 1);
    Sequence sequence;
    while (sequence.size() < length) {
      const LlvmAction& action = actions[any(random)];
      if (action.flag != "-attributor") {  // takes seconds on its own
        sequence.push_back(&action);
      }
    }
    return sequence;
  }

  const std::shared_ptr<const LoadedBenchmark> benchmark_ =
      std::make_shared<const LoadedBenchmark>(GetParam().bitcode, BenchmarkDynamicConfig());
  const std::unique_ptr<TargetMachines> machines_ = value_of(TargetMachines::create());
};

TEST_P(LlvmPropertyTest, EveryActionLeavesAModuleInOrderOrASpecificError) {
  for (const LlvmAction& action : passes_all_actions()) {
    OptimisedModule module = start();
    const std::string before = outcome(module);
    const Result<bool> changed = module.apply(action.pipeline, action.change_detection);
    const std::string after = outcome(module);
    if (!changed) {
      EXPECT_EQ(changed.error().error_code(), grpc::StatusCode::DATA_LOSS) << action.flag;
      EXPECT_FALSE(changed.error().error_message().empty()) << action.flag;
      RecordProperty(std::string(action.flag), changed.error().error_message());
      continue;
    }
    // "No effect" has to be true; "effect" may be an overstatement.
    if (!*changed) {
      EXPECT_EQ(after, before) << action.flag << " changed the module and said it did not";
    }
  }
}

TEST_P(LlvmPropertyTest, ForkReplayAndOriginalAreEqual) {
  for (unsigned seed = 1; seed <= 12; ++seed) {
    std::mt19937 random(seed);
    const Sequence before = random_sequence(random, 8);
    const Sequence after = random_sequence(random, 8);
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
