#include "sessions/llvm/object_size.h"

#include <llvm/ADT/SmallVector.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Object/ELF.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include <optional>
#include <string>
#include <utility>

#include "sessions/llvm/crash_recovery.h"
#include "sessions/llvm/ir_module.h"
#include "sessions/llvm/pipeline.h"
#include "sessions/llvm/target_machines.h"

namespace compiler_gym {
namespace {

using ObjectBytes = llvm::SmallVector<char, 0>;

grpc::Status text_size_error(const std::string& reason) {
  return invalid_argument("Failed to compute .text size cost: " + reason);
}

// Compiles for the machine's target whatever the module says it is for, as clang does; but not if
// the module lays out its data in another way.
grpc::Status emit_object(IrModule& module, llvm::TargetMachine& machine, ObjectBytes& object) {
  const llvm::DataLayout layout = machine.createDataLayout();
  if (module->getDataLayout().isDefault()) {
    module->setDataLayout(layout);
  } else if (module->getDataLayout() != layout) {
    return text_size_error("the data layout of the program, \"" + module->getDataLayoutStr() +
                           "\", is not that of " + machine.getTargetTriple().str());
  }
  module->setTargetTriple(machine.getTargetTriple().str());
  // What clang runs before it generates code; without it functions that have to be inlined are not.
  if (const Result<bool> prepared = run_pipeline(*module, &machine, "default<O0>"); !prepared) {
    return prepared.error();
  }
  llvm::raw_svector_ostream stream(object);
  llvm::legacy::PassManager passes;
  if (machine.addPassesToEmitFile(passes, stream, /*DwoOut=*/nullptr,
                                  llvm::CodeGenFileType::ObjectFile)) {
    return text_size_error("this target can't emit object files");
  }
  passes.run(*module);
  if (const std::string error = module.take_reported_error(); !error.empty()) {
    return text_size_error(error);
  }
  return grpc::Status::OK;
}

}  // namespace

Result<std::int64_t> object_text_size(std::string_view bitcode, TargetMachines& machines) {
  TargetMachines::Lease machine = machines.borrow();
  std::optional<IrModule> module;
  ObjectBytes object;
  grpc::Status status;
  const std::optional<std::string> crash = run_recovering([&] {
    Result<IrModule> parsed = IrModule::parse(bitcode);
    if (!parsed) {
      status = text_size_error(parsed.error().error_message());
      return;
    }
    module.emplace(std::move(*parsed));
    status = emit_object(*module, *machine, object);
  });
  if (crash.has_value()) {
    machine.abandon();
    if (module.has_value()) {
      module->abandon();
    }
    return text_size_error("the code generator crashed: " + *crash);
  }
  if (!status.ok()) {
    return status;
  }
  return elf_text_size({object.data(), object.size()});
}

Result<std::int64_t> elf_text_size(std::string_view file) {
  using Elf = llvm::object::ELF64LE;
  auto elf = llvm::object::ELFFile<Elf>::create(llvm::StringRef(file.data(), file.size()));
  if (!elf) {
    return text_size_error("not an object file: " + llvm::toString(elf.takeError()));
  }
  auto sections = elf->sections();
  if (!sections) {
    return text_size_error("not an object file: " + llvm::toString(sections.takeError()));
  }
  std::int64_t size = 0;
  for (const Elf::Shdr& section : *sections) {
    const bool loaded = (section.sh_flags & llvm::ELF::SHF_ALLOC) != 0;
    const bool executable = (section.sh_flags & llvm::ELF::SHF_EXECINSTR) != 0;
    const bool writable = (section.sh_flags & llvm::ELF::SHF_WRITE) != 0;
    if (loaded && (executable || !writable)) {
      size += static_cast<std::int64_t>(section.sh_size);
    }
  }
  return size;
}

}  // namespace compiler_gym
