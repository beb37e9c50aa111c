// The target that programs are compiled for, as LLVM's passes and code generator want it.
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/support/status.h"
#include "sessions/llvm/ir/code_generator.h"
#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/ir/structural_hash.h"

namespace llvm {
class Module;
class Target;
class TargetMachine;
}  // namespace llvm

namespace compiler_gym {

/// How much its code generator optimises.
enum class CodeGeneration {
  kUnoptimised,  ///< as `clang -O0`
  kOptimised,  ///< as `clang -O2`, `-Os` and `-Oz`, which differ in the attributes of functions only
};

/// Target machines for x86-64 Linux, lent out one user at a time: what `clang -c` uses.
///
/// A machine serves one thread, so there are as many as are needed at once. Each session having its
/// own would be simpler, but one grows to between 0.6 and 1.4 MB as it meets subtargets, and to
/// meet the first takes 95 us, which is longer than most passes.
///
/// Threads:  every member may be called from any thread; a lease is used by one at a time.
/// Lifetime: must outlive its leases.
class TargetMachines {
  struct Machine {
    std::unique_ptr<llvm::TargetMachine> target{};
    // If they have been asked for; they go first. Runners are for the last module's triple.
    std::unique_ptr<CodeGenerator> code_generator{};
    std::unique_ptr<PassRunner> runner{};
    std::unique_ptr<PassRunner> runner_without_target{};
    std::unique_ptr<StructuralHasher> hasher{};
    std::size_t uses = 0;
  };

 public:
  /// Holds a machine and gives it back. Move-only.
  class Lease {
   public:
    Lease(Lease&& other) noexcept;
    Lease& operator=(Lease&&) = delete;
    ~Lease();

    [[nodiscard]] llvm::TargetMachine& operator*() const { return *machine_.target; }
    [[nodiscard]] llvm::TargetMachine* get() const { return machine_.target.get(); }
    [[nodiscard]] CodeGenerator& code_generator();

    /// The machine if the module is for its target, else null.
    [[nodiscard]] llvm::TargetMachine* for_module(const llvm::Module& module) const;

    /// Runs passes on modules such as this one, for what for_module() says. Good until it is called
    /// with a module of another target triple.
    [[nodiscard]] PassRunner& pass_runner(const llvm::Module& module);

    /// One that keeps its memory from step to step.
    [[nodiscard]] StructuralHasher& hasher();

    /// After a crash within: neither reuses nor destroys the machine, whose state is unknown. Counts
    /// it among the losses, see llvm_call.h.
    void abandon();

   private:
    friend class TargetMachines;
    Lease(TargetMachines& owner, Machine machine);

    TargetMachines* owner_;
    Machine machine_;
  };

  /// Fails if this LLVM was built without the x86-64 target.
  [[nodiscard]] static Result<std::unique_ptr<TargetMachines>> create(
      CodeGeneration code_generation = CodeGeneration::kUnoptimised);

  ~TargetMachines();
  TargetMachines(const TargetMachines&) = delete;
  TargetMachines& operator=(const TargetMachines&) = delete;

  /// Never waits: makes a machine if none is free.
  [[nodiscard]] Lease borrow();

  /// How many machines have been made.
  [[nodiscard]] std::size_t made() const;

 private:
  TargetMachines(const llvm::Target& target, CodeGeneration code_generation);
  void give_back(Machine machine);

  const llvm::Target& target_;
  const CodeGeneration code_generation_;
  mutable std::mutex mutex_;
  std::vector<Machine> spares_;
  std::size_t made_ = 0;
};

}  // namespace compiler_gym
