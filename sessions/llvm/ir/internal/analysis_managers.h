// What LLVM's passes ask for analyses.
#pragma once

#include <llvm/Analysis/CGSCCPassManager.h>
#include <llvm/Analysis/LoopAnalysisManager.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/IR/PassManager.h>
#include <llvm/Passes/PassBuilder.h>
#include <llvm/TargetParser/Triple.h>

#include <string>

namespace compiler_gym::internal {

/// One manager for each kind of unit that passes run on.
struct AnalysisManagers {
  // In this order: a proxy in one manager refers to the managers above it when it is destroyed.
  llvm::LoopAnalysisManager loop;
  llvm::FunctionAnalysisManager function;
  llvm::CGSCCAnalysisManager cgscc;
  llvm::ModuleAnalysisManager module;

  /// Makes them know each other and the builder's analyses, for modules of this target triple.
  void register_in(llvm::PassBuilder& builder, const std::string& triple) {
    // Before the builder's own, which takes the triple of the first module it meets, for good.
    function.registerPass([&triple] {
      return llvm::TargetLibraryAnalysis(llvm::TargetLibraryInfoImpl(llvm::Triple(triple)));
    });
    builder.registerModuleAnalyses(module);
    builder.registerCGSCCAnalyses(cgscc);
    builder.registerFunctionAnalyses(function);
    builder.registerLoopAnalyses(loop);
    builder.crossRegisterProxies(loop, function, cgscc, module);
  }

  /// Forgets all results. From the top: those there refer to the managers below.
  void clear() {
    module.clear();
    cgscc.clear();
    function.clear();
    loop.clear();
  }
};

}  // namespace compiler_gym::internal
