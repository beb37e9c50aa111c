// LLVM's code generator.
#pragma once

#include <llvm/ADT/SmallVector.h>

#include <memory>

#include "core/support/status.h"

namespace llvm {
class TargetMachine;
}

namespace compiler_gym {

class IrModule;
class PassRunner;

/// Makes object files of modules, one after another, as `clang -c` does at the level of the machine.
/// Passes that optimise are not run first, but those that `clang -O0` has to run are.
///
/// Its passes are put together once: that takes a fifth of the time in which a module of 8 KB is
/// compiled. Unlike passes that optimise they are made for that (`llc -compile-twice` tests it).
///
/// Threads:  one at a time.
/// Lifetime: the machine must outlive it.
class CodeGenerator {
 public:
  using ObjectBytes = llvm::SmallVector<char, 0>;

  explicit CodeGenerator(llvm::TargetMachine& machine);
  CodeGenerator(const CodeGenerator&) = delete;
  CodeGenerator& operator=(const CodeGenerator&) = delete;
  ~CodeGenerator();

  /// The module is compiled for the machine's target whatever it says it is for, and with its data
  /// layout, as clang does; but not if its own differs in more than what older versions of LLVM did
  /// not say, and address spaces of non-integral pointers. Nothing but its destruction is of use afterwards.
  /// Errors: INVALID_ARGUMENT with the reason. That it may crash is the caller's business: see
  ///         llvm_call.h. A generator that has crashed must not be used any more.
  [[nodiscard]] Result<ObjectBytes> compile(IrModule& module);

 private:
  struct Passes;
  [[nodiscard]] grpc::Status prepare(IrModule& module);

  llvm::TargetMachine& machine_;
  std::unique_ptr<PassRunner> preparation_;
  std::unique_ptr<Passes> passes_;  // null at first, and after an error
};

}  // namespace compiler_gym
