// Runs passes on a module.
#pragma once

#include <string_view>

#include "core/support/status.h"

namespace llvm {
class Module;
class TargetMachine;
}  // namespace llvm

namespace compiler_gym {

/// Runs a pipeline, in the syntax of `opt -passes=`, and tells whether the module changed by the
/// pass manager's own account: false if all analyses are preserved. Some passes lie; see
/// ChangeDetection.
///
/// Everything a run needs is made anew: it costs 2.5 us, an object run twice crashes some passes,
/// and what a pass leaves in an analysis cache would make the next result depend on the path that
/// led to it.
///
/// Machine:  tells the passes about the target; null for a module of another target or of none.
/// Threads:  one thread at a time per LLVMContext and per TargetMachine.
/// Errors:   INTERNAL for text that is not a pipeline; the module is untouched then. That a pass
///           may crash is the caller's business: see crash_recovery.h.
[[nodiscard]] Result<bool> run_pipeline(llvm::Module& module, llvm::TargetMachine* machine,
                                        std::string_view pipeline);

}  // namespace compiler_gym
