#include "sessions/llvm/ir/clang_pipeline.h"

#include <llvm/IR/Module.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Passes/StandardInstrumentations.h>

#include <algorithm>
#include <array>

#include "sessions/llvm/ir/code_generation_metadata.h"
#include "sessions/llvm/ir/internal/analysis_managers.h"

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

void run_passes(llvm::Module& module, llvm::TargetMachine* machine, ClangLevel level) {
  llvm::OptNoneInstrumentation opt_none(/*DebugLogging=*/false);
  llvm::PassInstrumentationCallbacks callbacks;
  opt_none.registerCallbacks(callbacks);
  internal::AnalysisManagers analyses;
  llvm::PassBuilder builder(machine, tuning_options(level), std::nullopt, &callbacks);
  analyses.register_in(builder, module.getTargetTriple());
  builder.buildPerModuleDefaultPipeline(optimization_level(level)).run(module, analyses.module);
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

grpc::Status run_clang_pipeline(llvm::Module& module, llvm::TargetMachine* machine,
                                ClangLevel level, std::string_view metadata) {
  if (grpc::Status status = add_code_generation_metadata(module, metadata); !status.ok()) {
    return status;
  }
  run_passes(module, machine, level);
  erase_named_metadata(module);
  return grpc::Status::OK;
}

}  // namespace compiler_gym
