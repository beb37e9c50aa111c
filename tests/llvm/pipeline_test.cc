// Pipelines run by one runner, one after another, against LLVM's own tool and against new runners.
#include "sessions/llvm/ir/pipeline.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <llvm/IR/Module.h>

#include <boost/filesystem.hpp>
#include <cstdlib>
#include <fstream>
#include <memory>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "sessions/llvm/actions/actions.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "sessions/llvm/ir/target_machines.h"
#include "tests/llvm/test_modules.h"
#include "tests/llvm/value_of.h"

namespace compiler_gym {
namespace {

class PassRunnerTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() { enable_crash_recovery(); }

  /// The module after a pipeline, or `crash`.
  std::string text_after(std::string_view pipeline, const std::string& bitcode) {
    return text_after(*machines_, pipeline, bitcode);
  }
  static std::string text_after(TargetMachines& machines, std::string_view pipeline,
                                const std::string& bitcode) {
    TargetMachines::Lease machine = machines.borrow();
    IrModule module = parse_module(bitcode);
    std::string bytes;
    const LlvmCall call = call_llvm("testing", std::stop_token(), [&] {
      EXPECT_TRUE(machine.pass_runner(*module).run(*module, pipeline).has_value()) << pipeline;
      bytes = write_bitcode(*module);
    });
    if (call.crashed()) {
      machine.abandon();
      module.abandon();
      return "crash";
    }
    // Written and read, as what `opt` gives us is.
    return ir_text(*parse_module(bytes));
  }

  const std::unique_ptr<TargetMachines> machines_ = value_of(TargetMachines::create());
};

// A runner that has run other pipelines, on other modules, gives what a new one does.
TEST_F(PassRunnerTest, DependsOnNothingItHasRunBefore) {
  TargetMachines::Lease machine = machines_->borrow();
  std::mt19937 random(1);
  const auto actions = passes_all_actions();
  std::uniform_int_distribution<std::size_t> any(0, actions.size() - 1);
  for (const char* name : {"crc32", "sorting", "demo_regex", "shapes"}) {
    const IrModule ours = parse_module(start_bitcode(name));
    const IrModule others = parse_module(start_bitcode(name));
    PassRunner& runner = machine.pass_runner(*ours);
    for (int i = 0; i < 60; ++i) {
      const LlvmAction& action = actions[any(random)];
      if (action.flag == "-attributor" || action.flag == "-scalarizer") {
        continue;
      }
      const PassChanges changes = value_of(runner.run(*ours, action.pipeline));
      const bool changed = value_of(run_pipeline(*others, machine.get(), action.pipeline));
      ASSERT_EQ(changes.any, changed) << name << ", " << action.flag;
      ASSERT_EQ(ir_sha1(*ours), ir_sha1(*others)) << name << ", " << action.flag;
    }
  }
}

// A loop that Darwin's library has a function for, and others' have not.
std::string fill_loop(const std::string& triple) {
  return assemble("target triple = \"" + triple + R"("
    define void @fill(ptr %p, i64 %n) {
    entry:
      br label %loop
    loop:
      %i = phi i64 [ 0, %entry ], [ %next, %loop ]
      %a = getelementptr inbounds i32, ptr %p, i64 %i
      store i32 305419896, ptr %a, align 4
      %next = add nuw nsw i64 %i, 1
      %done = icmp eq i64 %next, %n
      br i1 %done, label %exit, label %loop
    exit:
      ret void
    }
  )");
}

// What the runner that a machine keeps gives does not depend on whose turn it was before.
TEST_F(PassRunnerTest, KnowsTheLibraryOfEachModulesTarget) {
  constexpr const char* kPipeline = "function(loop(loop-idiom))";
  const std::vector<std::string> triples{"x86_64-pc-linux-gnu",    "x86_64-apple-macosx10.15.0",
                                         "x86_64-pc-windows-msvc", "arm64-apple-macosx11.0.0",
                                         "nvptx64-nvidia-cuda",    ""};
  std::vector<std::string> fresh;
  for (const std::string& triple : triples) {
    fresh.push_back(text_after(*value_of(TargetMachines::create()), kPipeline, fill_loop(triple)));
    EXPECT_EQ(fresh.back().find("memset_pattern16") != std::string::npos,
              triple.find("apple") != std::string::npos)
        << fresh.back();
  }
  for (std::size_t first = 0; first < triples.size(); ++first) {
    for (std::size_t second = 0; second < triples.size(); ++second) {
      EXPECT_EQ(text_after(kPipeline, fill_loop(triples[first])), fresh[first]);
      EXPECT_EQ(text_after(kPipeline, fill_loop(triples[second])), fresh[second])
          << triples[second] << " after " << triples[first];
    }
  }
  EXPECT_EQ(machines_->made(), 1U);
}

TEST_F(PassRunnerTest, TellsWhichFunctionsHaveChanged) {
  const IrModule module = parse_module(assemble(R"(
    define i32 @with_memory(i32 %x) {
      %p = alloca i32
      store i32 %x, ptr %p
      %y = load i32, ptr %p
      ret i32 %y
    }
    define i32 @without(i32 %x) {
      ret i32 %x
    }
    define internal void @unused() {
      ret void
    }
  )"));
  PassRunner runner(nullptr, module->getTargetTriple());
  const auto names = [](const PassChanges& changes) {
    std::set<std::string> found;
    for (const llvm::Function* function : changes.functions) {
      found.insert(function->getName().str());
    }
    return found;
  };
  const PassChanges in_one = value_of(runner.run(*module, "function(mem2reg)"));
  EXPECT_TRUE(in_one.any);
  EXPECT_FALSE(in_one.beyond_functions);
  EXPECT_THAT(names(in_one), ::testing::ElementsAre("with_memory"));
  const PassChanges in_none = value_of(runner.run(*module, "function(mem2reg)"));
  EXPECT_FALSE(in_none.any);
  EXPECT_TRUE(in_none.functions.empty());
  const PassChanges in_module = value_of(runner.run(*module, "globaldce"));
  EXPECT_TRUE(in_module.any);
  EXPECT_TRUE(in_module.beyond_functions);
  const PassChanges in_loops = value_of(runner.run(*module, "function(loop(loop-rotate))"));
  EXPECT_FALSE(in_loops.any) << "there are no loops";
}

TEST_F(PassRunnerTest, WhatIsNoPipelineIsAnErrorAndTheRunnerGoesOn) {
  const IrModule module = parse_module(crc32_start_bitcode());
  PassRunner runner(nullptr, module->getTargetTriple());
  EXPECT_EQ(runner.run(*module, "function(no-such-pass)").error().error_code(),
            grpc::StatusCode::INTERNAL);
  EXPECT_TRUE(value_of(runner.run(*module, "function(mem2reg)")).any);
}

class PassesLikeOptTest : public PassRunnerTest, public ::testing::WithParamInterface<std::string> {
 protected:
  PassesLikeOptTest() { boost::filesystem::create_directories(directory_); }
  ~PassesLikeOptTest() override { boost::filesystem::remove_all(directory_); }

  /// What LLVM's tool makes of it, or `crash`.
  std::string text_after_opt(std::string_view pipeline, const std::string& bitcode) const {
    const std::string in = (directory_ / "in.bc").string();
    const std::string out = (directory_ / "out.bc").string();
    std::ofstream(in, std::ios::binary) << bitcode;
    const std::string command = std::string(COMPILER_GYM_LLVM_TOOLS) +
                                "/opt -preserve-bc-uselistorder=false -passes='" +
                                std::string(pipeline) + "' " + in + " -o " + out + " 2>/dev/null";
    if (std::system(command.c_str()) != 0) {
      return "crash";
    }
    const IrModule module = parse_module(read_file(out));
    return ir_text(*module);
  }

  const boost::filesystem::path directory_ =
      boost::filesystem::temp_directory_path() / boost::filesystem::unique_path();
};

TEST_P(PassesLikeOptTest, EveryActionDoesWhatOptDoes) {
  std::set<std::string_view> done;
  for (const LlvmActionSpace& space : llvm_action_spaces()) {
    for (const LlvmAction& action : space.actions) {
      // By their names `opt` tells versions of a program apart, and nothing else.
      if (done.insert(action.pipeline).second && action.flag != "-insert-gcov-profiling") {
        EXPECT_EQ(text_after(action.pipeline, start_bitcode(GetParam())),
                  text_after_opt(action.pipeline, start_bitcode(GetParam())))
            << action.flag;
      }
    }
  }
}

// With functions that are to be left alone, and without.
INSTANTIATE_TEST_SUITE_P(Modules, PassesLikeOptTest, ::testing::Values("optnone", "sorting"),
                         [](const auto& instance) { return instance.param; });

TEST_F(PassRunnerTest, LeavesAloneWhatIsOptnone) {
  const auto allocas = [&](const IrModule& module, const char* function) {
    std::size_t count = 0;
    for (const llvm::BasicBlock& block : *module->getFunction(function)) {
      for (const llvm::Instruction& instruction : block) {
        count += instruction.getOpcode() == llvm::Instruction::Alloca ? 1 : 0;
      }
    }
    return count;
  };
  const IrModule module = parse_module(start_bitcode("optnone"));
  PassRunner runner(nullptr, module->getTargetTriple());
  const std::size_t before = allocas(module, "sum_plainly");
  ASSERT_GT(before, 0U);
  ASSERT_GT(allocas(module, "sum_twice"), 0U);
  for (const char* pipeline : {"function(mem2reg)", "function(sroa)", "default<Oz>"}) {
    EXPECT_TRUE(runner.run(*module, pipeline).has_value());
    EXPECT_EQ(allocas(module, "sum_plainly"), before) << pipeline;
  }
  EXPECT_EQ(allocas(module, "sum_twice"), 0U);
}

}  // namespace
}  // namespace compiler_gym
