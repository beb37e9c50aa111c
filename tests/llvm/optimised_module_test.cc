#include "sessions/llvm/actions/optimised_module.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <algorithm>
#include <csignal>
#include <memory>
#include <new>
#include <random>
#include <stop_token>
#include <string>
#include <vector>

#include "sessions/llvm/actions/actions.h"
#include "sessions/llvm/actions/idle_actions.h"
#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/ir/crash_recovery.h"
#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/ir/target_machines.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using ::testing::StartsWith;

class OptimisedModuleTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { enable_crash_recovery(); }

  OptimisedModule start(const std::string& bitcode) {
    return value_of(OptimisedModule::start(
        std::make_shared<const LoadedBenchmark>(LoadedProgram{.bitcode = bitcode, .module = {}},
                                                BenchmarkDynamicConfig()),
        *machines_));
  }

  static grpc::Status apply(OptimisedModule& module, std::string_view pipeline) {
    const Result<bool> changed = module.apply(pipeline, ChangeDetection::kPassManager);
    return changed ? grpc::Status::OK : changed.error();
  }

  static std::string sha1(OptimisedModule& module) {
    std::string sum;
    EXPECT_TRUE(module.read([&](const llvm::Module& ir) { sum = ir_sha1(ir); }).ok());
    return sum;
  }

  const std::unique_ptr<TargetMachines> machines_ = value_of(TargetMachines::create());
};

TEST_F(OptimisedModuleTest, GenerationCountsChanges) {
  OptimisedModule module = start(crc32_start_bitcode());
  EXPECT_EQ(module.generation(), 0U);
  EXPECT_TRUE(apply(module, "function(mem2reg)").ok());
  EXPECT_EQ(module.generation(), 1U);
  EXPECT_TRUE(apply(module, "function(mem2reg)").ok());
  EXPECT_EQ(module.generation(), 1U);
}

TEST_F(OptimisedModuleTest, ACrashBreaksItAndNothingElse) {
  OptimisedModule module = start(crc32_start_bitcode());
  OptimisedModule other = start(crc32_start_bitcode());
  const grpc::Status crash = module.read([](const llvm::Module&) { std::raise(SIGSEGV); });
  EXPECT_EQ(crash.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(crash.error_message(), HasSubstr("signal 11"));

  EXPECT_EQ(apply(module, "function(mem2reg)").error_message(), crash.error_message());
  EXPECT_EQ(module.check().error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_EQ(module.fork(std::stop_token()).error().error_message(), crash.error_message());
  EXPECT_TRUE(apply(other, "function(mem2reg)").ok());
  EXPECT_TRUE(other.check().ok());
}

// The session has lost its module, whatever there will be of memory.
TEST_F(OptimisedModuleTest, WantOfMemoryBreaksIt) {
  OptimisedModule module = start(crc32_start_bitcode());
  const grpc::Status status = module.read([](const llvm::Module&) { throw std::bad_alloc(); });
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), StartsWith("LLVM ran out of memory while "));
  EXPECT_EQ(module.check().error_message(), status.error_message());
}

// LLVM has passes for this purpose.
TEST_F(OptimisedModuleTest, APassThatCrashesBreaksIt) {
  for (const char* pipeline : {"trigger-crash-module", "function(trigger-crash-function)"}) {
    OptimisedModule module = start(crc32_start_bitcode());
    const grpc::Status status = apply(module, pipeline);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
    EXPECT_THAT(status.error_message(),
                StartsWith("LLVM crashed while running " + std::string(pipeline) + ": signal "));
    EXPECT_EQ(module.check().error_message(), status.error_message());
  }
}

TEST_F(OptimisedModuleTest, APassThatMakesABadModuleBreaksItWhenItIsLookedAt) {
  OptimisedModule module = start(crc32_start_bitcode());
  EXPECT_TRUE(apply(module, "function(trigger-verifier-error)").ok());
  const grpc::Status status = module.check();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(), StartsWith("Failed to verify module: "));
  EXPECT_EQ(apply(module, "function(mem2reg)").error_message(), status.error_message());
  bool read = false;
  EXPECT_EQ(module.read([&](const llvm::Module&) { read = true; }).error_message(),
            status.error_message());
  EXPECT_FALSE(read);
}

TEST_F(OptimisedModuleTest, AFatalErrorInAPassBreaksIt) {
  OptimisedModule module = start(crc32_start_bitcode());
  EXPECT_TRUE(apply(module, "function(trigger-verifier-error)").ok());
  const grpc::Status status = apply(module, "verify");
  EXPECT_EQ(status.error_code(), grpc::StatusCode::DATA_LOSS);
  EXPECT_THAT(status.error_message(),
              StartsWith("LLVM crashed while running verify: LLVM ERROR: Broken module found"));
}

class OptimisedModuleSequenceTest : public OptimisedModuleTest {
 protected:
  static std::vector<LlvmAction> random_actions(unsigned seed, std::size_t count) {
    std::mt19937 random(seed);
    const auto actions = passes_all_actions();
    std::uniform_int_distribution<std::size_t> any(0, actions.size() - 1);
    std::vector<LlvmAction> chosen;
    while (chosen.size() < count) {
      const LlvmAction& action = actions[any(random)];
      if (action.flag != "-attributor" && action.flag != "-scalarizer") {
        chosen.push_back(action);
      }
    }
    return chosen;
  }
};

// What is not run again is what would do nothing, down to the names that it would use up.
TEST_F(OptimisedModuleSequenceTest, ActionsThatAreRepeatedGiveWhatRunningEachOfThemGives) {
  for (const char* name : {"crc32", "sorting", "demo_regex"}) {
    OptimisedModule module = start(start_bitcode(name));
    const IrModule plain = parse_module(start_bitcode(name));
    const TargetMachines::Lease machine = machines_->borrow();
    for (const LlvmAction& action : random_actions(5, 40)) {
      for (int i = 0; i < 4; ++i) {
        ASSERT_TRUE(module.apply(action.pipeline, action.change_detection).has_value());
        ASSERT_TRUE(run_pipeline(*plain, machine.for_module(*plain), action.pipeline).has_value());
      }
      ASSERT_EQ(sha1(module), ir_sha1(*plain)) << name << ", " << action.flag;
    }
    OptimisedModule fork = value_of(module.fork(std::stop_token()));
    EXPECT_EQ(sha1(fork), sha1(module));
  }
}

// Of some changes only the functions that have them are verified.
TEST_F(OptimisedModuleSequenceTest, WhatPassesTheCheckPassesOneOfTheWholeModule) {
  for (const char* name : {"crc32", "shapes", "csmith_1", "stress_4"}) {
    if (!std::ranges::count(module_names(), name)) {
      continue;  // csmith is not everywhere
    }
    OptimisedModule module = start(start_bitcode(name));
    for (const LlvmAction& action : random_actions(6, 100)) {
      if (!module.apply(action.pipeline, action.change_detection) || !module.check().ok()) {
        module = start(start_bitcode(name));
        continue;
      }
      EXPECT_TRUE(module.is_checked());
      EXPECT_TRUE(module
                      .read([&](const llvm::Module& ir) {
                        EXPECT_TRUE(verify(ir).ok()) << name << ", " << action.flag;
                      })
                      .ok());
    }
  }
}

TEST(IdleActionsTest, WhatIsKnownIsOnlySoUntilSomethingElseMayHaveTouchedTheModule) {
  IdleActions idle;
  idle.add_seen("a");
  EXPECT_TRUE(idle.seen("a"));
  EXPECT_FALSE(idle.known("a"));
  idle.add_known("a");
  EXPECT_TRUE(idle.known("a"));
  idle.add_seen("b");
  EXPECT_FALSE(idle.known("a"));
  EXPECT_TRUE(idle.seen("a"));
  idle.add_known("a");
  idle.add_known("b");
  EXPECT_TRUE(idle.known("a"));
  idle.clear();
  EXPECT_FALSE(idle.known("a"));
  EXPECT_FALSE(idle.seen("a"));
}

// Passes that lie leave no hash behind that others would compare with.
TEST_F(OptimisedModuleTest, WhatWasNotToldIsNotTheNextActionsChange) {
  // Says that it has preserved everything; see passes_all_actions.cc.
  OptimisedModule module = start(assemble("define i32 @f(i32 %0) { ret i32 %0 }"));
  EXPECT_FALSE(value_of(module.apply("no-op-module", ChangeDetection::kHash)));
  const std::string before = sha1(module);
  EXPECT_FALSE(value_of(module.apply("function(instnamer)", ChangeDetection::kPassManager)));
  ASSERT_NE(sha1(module), before) << "this pass does not lie any more: find another one";
  EXPECT_FALSE(value_of(module.apply("function(no-op-function)", ChangeDetection::kHash)));
}

TEST_F(OptimisedModuleTest, ForkStopsWhenAsked) {
  OptimisedModule module = start(crc32_start_bitcode());
  EXPECT_TRUE(apply(module, "function(mem2reg)").ok());
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(module.fork(stop.get_token()).error().error_code(), grpc::StatusCode::CANCELLED);
}

}  // namespace
}  // namespace compiler_gym
