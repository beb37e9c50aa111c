#include "sessions/llvm/ir/pipeline.h"

#include <llvm/Passes/PassBuilder.h>

#include <string>

namespace compiler_gym {

Result<bool> run_pipeline(llvm::Module& module, llvm::TargetMachine* machine,
                          std::string_view pipeline) {
  // In this order: a proxy in one manager refers to the managers above it when it is destroyed.
  llvm::LoopAnalysisManager loop_analyses;
  llvm::FunctionAnalysisManager function_analyses;
  llvm::CGSCCAnalysisManager cgscc_analyses;
  llvm::ModuleAnalysisManager module_analyses;
  llvm::PassBuilder builder(machine);

  llvm::ModulePassManager passes;
  if (llvm::Error error =
          builder.parsePassPipeline(passes, llvm::StringRef(pipeline.data(), pipeline.size()))) {
    return internal_error("Not a pass pipeline: \"" + std::string(pipeline) +
                          "\": " + llvm::toString(std::move(error)));
  }
  builder.registerModuleAnalyses(module_analyses);
  builder.registerCGSCCAnalyses(cgscc_analyses);
  builder.registerFunctionAnalyses(function_analyses);
  builder.registerLoopAnalyses(loop_analyses);
  builder.crossRegisterProxies(loop_analyses, function_analyses, cgscc_analyses, module_analyses);
  return !passes.run(module, module_analyses).areAllPreserved();
}

}  // namespace compiler_gym
