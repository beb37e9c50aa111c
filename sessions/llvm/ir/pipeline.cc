#include "sessions/llvm/ir/pipeline.h"

#include <llvm/Analysis/LoopInfo.h>
#include <llvm/IR/Module.h>
#include <llvm/IR/PassInstrumentation.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/Passes/StandardInstrumentations.h>

#include <cassert>
#include <string>
#include <utility>

#include "sessions/llvm/ir/internal/analysis_managers.h"

namespace compiler_gym {
namespace {

// What only runs other passes, which speak for themselves.
bool only_runs_others(llvm::StringRef pass) {
  return pass.contains("PassManager<") || pass.contains("PassAdaptor") ||
         pass.starts_with("DevirtSCCRepeatedPass");
}

}  // namespace

struct PassRunner::State {
  State(llvm::TargetMachine* machine, const std::string& triple)
      : builder(machine, llvm::PipelineTuningOptions(), std::nullopt, &callbacks) {
    opt_none.registerCallbacks(callbacks);
    callbacks.registerAfterPassCallback(
        [this](llvm::StringRef pass, const llvm::Any& unit, const llvm::PreservedAnalyses& kept) {
          if (!kept.areAllPreserved()) {
            note_change(pass, unit);
          }
        });
    // The loop or the component it ran on is gone, and nobody says which function that was in.
    callbacks.registerAfterPassInvalidatedCallback(
        [this](llvm::StringRef, const llvm::PreservedAnalyses&) {
          changes.beyond_functions = true;
        });
    analyses.register_in(builder, triple);
  }

  void note_change(llvm::StringRef pass, const llvm::Any& unit) {
    if (const auto* function = llvm::any_cast<const llvm::Function*>(&unit)) {
      changes.functions.push_back(const_cast<llvm::Function*>(*function));
    } else if (llvm::any_cast<const llvm::Loop*>(&unit) == nullptr && !only_runs_others(pass)) {
      changes.beyond_functions = true;
    }
    // A pass on loops is run by one on their function, which says the same.
  }

  llvm::OptNoneInstrumentation opt_none{/*DebugLogging=*/false};
  llvm::PassInstrumentationCallbacks callbacks;
  internal::AnalysisManagers analyses;
  llvm::PassBuilder builder;
  PassChanges changes;
};

PassRunner::PassRunner(llvm::TargetMachine* machine, std::string triple)
    : triple_(std::move(triple)), state_(std::make_unique<State>(machine, triple_)) {}

PassRunner::~PassRunner() = default;

Result<PassChanges> PassRunner::run(llvm::Module& module, std::string_view pipeline) {
  assert(module.getTargetTriple() == triple_ && "a runner is for modules of one target triple");
  {
    // Passes go before the results that they may refer to.
    llvm::ModulePassManager passes;
    if (llvm::Error error = state_->builder.parsePassPipeline(
            passes, llvm::StringRef(pipeline.data(), pipeline.size()))) {
      return internal_error("Not a pass pipeline: \"" + std::string(pipeline) +
                            "\": " + llvm::toString(std::move(error)));
    }
    state_->changes.any = !passes.run(module, state_->analyses.module).areAllPreserved();
  }
  state_->analyses.clear();
  return std::exchange(state_->changes, {});
}

Result<bool> run_pipeline(llvm::Module& module, llvm::TargetMachine* machine,
                          std::string_view pipeline) {
  const Result<PassChanges> changes =
      PassRunner(machine, module.getTargetTriple()).run(module, pipeline);
  if (!changes) {
    return changes.error();
  }
  return changes->any;
}

}  // namespace compiler_gym
