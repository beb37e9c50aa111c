// Runs passes on a module.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "core/support/status.h"

namespace llvm {
class Function;
class Module;
class TargetMachine;
}  // namespace llvm

namespace compiler_gym {

/// What a pipeline has changed, by its passes' own account.
struct PassChanges {
  bool any = false;
  /// More than what is inside of `functions`: a pass on the module, or on its call graph.
  bool beyond_functions = false;
  /// Where passes on functions and loops have changed something. One may be there twice.
  std::vector<llvm::Function*> functions;
};

/// Runs pipelines, in the syntax of `opt -passes=`, one after another, and does with each what
/// `opt-19` does: passes leave functions that are `optnone` alone, but for those that are required.
///
/// Kept from run to run: the pass builder and the analysis managers with their registrations, which
/// take as long to set up as a pass on 8 KB. Made anew: the passes, of which some crash when they
/// run twice, and the analyses' results, as what one pass leaves there must not make the next
/// result depend on the path that led to it.
///
/// Target:   a runner is for modules of one target triple: what the analyses know of the target's
///           library is among what is kept.
/// Machine:  tells the passes about the target; null for modules of another target or of none. Must
///           outlive this object.
/// Threads:  one at a time.
/// Crash:    must not be used any more, nor destroyed, after a pass has crashed.
class PassRunner {
 public:
  PassRunner(llvm::TargetMachine* machine, std::string triple);
  PassRunner(const PassRunner&) = delete;
  PassRunner& operator=(const PassRunner&) = delete;
  ~PassRunner();

  [[nodiscard]] const std::string& triple() const { return triple_; }

  /// The module is one of this triple, as its text is. `any` is false if all analyses are preserved. Some passes lie; see ChangeDetection. The
  /// answer's functions are the module's as it is then.
  /// Errors: INTERNAL for text that is not a pipeline; the module is untouched then. That a pass may
  ///         crash is the caller's business: see llvm_call.h.
  [[nodiscard]] Result<PassChanges> run(llvm::Module& module, std::string_view pipeline);

 private:
  struct State;
  const std::string triple_;
  std::unique_ptr<State> state_;
};

/// Runs one pipeline. Returns whether it changed the module. Errors: those of PassRunner::run().
[[nodiscard]] Result<bool> run_pipeline(llvm::Module& module, llvm::TargetMachine* machine,
                                        std::string_view pipeline);

}  // namespace compiler_gym
