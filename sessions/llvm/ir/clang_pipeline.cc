#include "sessions/llvm/ir/clang_pipeline.h"

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/IR/Module.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Passes/StandardInstrumentations.h>
#include <llvm/TargetParser/Triple.h>

#include <algorithm>
#include <array>

namespace compiler_gym {
namespace {

struct LevelRow {
  ClangLevel level;
  std::string_view name;
  SizeAttributes attributes;
};
constexpr std::array kLevelRows{LevelRow{ClangLevel::kO2, "-O2", SizeAttributes::kNone},
                                LevelRow{ClangLevel::kOs, "-Os", SizeAttributes::kOptSize},
                                LevelRow{ClangLevel::kOz, "-Oz", SizeAttributes::kMinSize}};

llvm::OptimizationLevel optimization_level(ClangLevel level) {
  switch (level) {
    case ClangLevel::kO2:
      return llvm::OptimizationLevel::O2;
    case ClangLevel::kOs:
      return llvm::OptimizationLevel::Os;
    case ClangLevel::kOz:
      return llvm::OptimizationLevel::Oz;
  }
  return llvm::OptimizationLevel::O2;
}

// What clang's driver asks for on this target, by level.
llvm::PipelineTuningOptions tuning_options(ClangLevel level) {
  llvm::PipelineTuningOptions options;
  options.LoopUnrolling = true;
  options.LoopInterleaving = true;
  options.LoopVectorization = level != ClangLevel::kOz;
  options.SLPVectorization = true;
  options.MergeFunctions = false;
  options.CallGraphProfile = true;
  return options;
}

}  // namespace

std::optional<ClangLevel> find_clang_level(std::string_view name) {
  const auto* const found = std::ranges::find(kLevelRows, name, &LevelRow::name);
  return found == kLevelRows.end() ? std::nullopt : std::optional(found->level);
}

std::string_view name_of(ClangLevel level) {
  return std::ranges::find(kLevelRows, level, &LevelRow::level)->name;
}

SizeAttributes size_attributes_of(ClangLevel level) {
  return std::ranges::find(kLevelRows, level, &LevelRow::level)->attributes;
}

void run_clang_pipeline(llvm::Module& module, llvm::TargetMachine* machine, ClangLevel level) {
  llvm::OptNoneInstrumentation opt_none(/*DebugLogging=*/false);
  llvm::PassInstrumentationCallbacks callbacks;
  opt_none.registerCallbacks(callbacks);
  // In this order: a proxy in one manager refers to the managers above it when it is destroyed.
  llvm::LoopAnalysisManager loop_analyses;
  llvm::FunctionAnalysisManager function_analyses;
  llvm::CGSCCAnalysisManager cgscc_analyses;
  llvm::ModuleAnalysisManager module_analyses;
  llvm::PassBuilder builder(machine, tuning_options(level), std::nullopt, &callbacks);
  function_analyses.registerPass([&module] {
    return llvm::TargetLibraryAnalysis(
        llvm::TargetLibraryInfoImpl(llvm::Triple(module.getTargetTriple())));
  });
  builder.registerModuleAnalyses(module_analyses);
  builder.registerCGSCCAnalyses(cgscc_analyses);
  builder.registerFunctionAnalyses(function_analyses);
  builder.registerLoopAnalyses(loop_analyses);
  builder.crossRegisterProxies(loop_analyses, function_analyses, cgscc_analyses, module_analyses);
  builder.buildPerModuleDefaultPipeline(optimization_level(level)).run(module, module_analyses);
}

}  // namespace compiler_gym
