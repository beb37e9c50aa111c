#include "sessions/llvm/ir/target_machines.h"

#include <llvm-c/Target.h>
#include <llvm/IR/Module.h>
#include <llvm/MC/TargetRegistry.h>
#include <llvm/Target/TargetMachine.h>
#include <llvm/TargetParser/Triple.h>

#include <optional>
#include <tuple>
#include <utility>

#include "sessions/llvm/ir/llvm_call.h"

namespace compiler_gym {
namespace {

constexpr const char* kTriple = "x86_64-pc-linux-gnu";

// A machine keeps what it learns about every combination of CPU and features it meets, and the
// programs that clients send name these. Replacing it from time to time bounds that.
constexpr std::size_t kUsesOfOneMachine = 10'000;

// What one takes with what is kept beside it, about.
constexpr std::uint64_t kSizeOfOneMachine = std::uint64_t{1} << 20;

// The code generator's registrations are global and not locked.
void initialize_target_once() {
  [[maybe_unused]] static const bool initialized = [] {
    LLVMInitializeX86TargetInfo();
    LLVMInitializeX86Target();
    LLVMInitializeX86TargetMC();
    LLVMInitializeX86AsmPrinter();
    LLVMInitializeX86AsmParser();  // for inline assembly
    return true;
  }();
}

}  // namespace

TargetMachines::Lease::Lease(TargetMachines& owner, Machine machine)
    : owner_(&owner), machine_(std::move(machine)) {}

TargetMachines::Lease::Lease(Lease&& other) noexcept = default;

TargetMachines::Lease::~Lease() {
  if (machine_.target != nullptr) {
    owner_->give_back(std::move(machine_));
  }
}

CodeGenerator& TargetMachines::Lease::code_generator() {
  if (machine_.code_generator == nullptr) {
    machine_.code_generator = std::make_unique<CodeGenerator>(*machine_.target);
  }
  return *machine_.code_generator;
}

llvm::TargetMachine* TargetMachines::Lease::for_module(const llvm::Module& module) const {
  const bool same_target = llvm::Triple(module.getTargetTriple()).getArch() == llvm::Triple::x86_64;
  return same_target ? get() : nullptr;
}

PassRunner& TargetMachines::Lease::pass_runner(const llvm::Module& module) {
  llvm::TargetMachine* machine = for_module(module);
  std::unique_ptr<PassRunner>& runner =
      machine != nullptr ? machine_.runner : machine_.runner_without_target;
  if (runner == nullptr || runner->triple() != module.getTargetTriple()) {
    runner = std::make_unique<PassRunner>(machine, module.getTargetTriple());
  }
  return *runner;
}

StructuralHasher& TargetMachines::Lease::hasher() {
  if (machine_.hasher == nullptr) {
    machine_.hasher = std::make_unique<StructuralHasher>();
  }
  return *machine_.hasher;
}

void TargetMachines::Lease::abandon() {
  count_leaked_bytes(kSizeOfOneMachine);
  std::ignore = machine_.code_generator.release();
  std::ignore = machine_.runner.release();
  std::ignore = machine_.runner_without_target.release();
  std::ignore = machine_.hasher.release();
  std::ignore = machine_.target.release();
}

Result<std::unique_ptr<TargetMachines>> TargetMachines::create(CodeGeneration code_generation) {
  initialize_target_once();
  std::string error;
  const llvm::Target* target = llvm::TargetRegistry::lookupTarget(kTriple, error);
  if (target == nullptr) {
    return failed_precondition("This LLVM has no target for " + std::string(kTriple) + ": " +
                               error);
  }
  return std::unique_ptr<TargetMachines>(new TargetMachines(*target, code_generation));
}

TargetMachines::TargetMachines(const llvm::Target& target, CodeGeneration code_generation)
    : target_(target), code_generation_(code_generation) {}

TargetMachines::~TargetMachines() = default;

TargetMachines::Lease TargetMachines::borrow() {
  {
    const std::lock_guard lock(mutex_);
    if (!spares_.empty()) {
      Machine spare = std::move(spares_.back());
      spares_.pop_back();
      ++spare.uses;
      return {*this, std::move(spare)};
    }
    ++made_;
  }
  llvm::TargetOptions options;
  options.UseInitArray = true;  // as clang
  Machine made{.uses = 1};
  made.target.reset(target_.createTargetMachine(
      kTriple, "x86-64", /*Features=*/"", options, llvm::Reloc::PIC_,
      /*CM=*/std::nullopt,
      code_generation_ == CodeGeneration::kOptimised ? llvm::CodeGenOptLevel::Default
                                                     : llvm::CodeGenOptLevel::None));
  return {*this, std::move(made)};
}

void TargetMachines::give_back(Machine machine) {
  if (machine.uses >= kUsesOfOneMachine) {
    return;
  }
  const std::lock_guard lock(mutex_);
  spares_.push_back(std::move(machine));
}

std::size_t TargetMachines::made() const {
  const std::lock_guard lock(mutex_);
  return made_;
}

}  // namespace compiler_gym
