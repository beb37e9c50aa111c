#include "sessions/llvm/costs/object_size.h"

#include <llvm/Object/ELF.h>

#include <optional>
#include <string>
#include <utility>

#include "sessions/llvm/ir/code_generation_metadata.h"
#include "sessions/llvm/ir/code_generator.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "sessions/llvm/ir/target_machines.h"

namespace compiler_gym {
namespace {

grpc::Status text_size_error(const std::string& reason) {
  return invalid_argument("Failed to compute .text size cost: " + reason);
}

}  // namespace

Result<std::int64_t> object_text_size(std::string_view bitcode, TargetMachines& machines,
                                      const std::stop_token& stop_token,
                                      std::string_view metadata) {
  if (grpc::Status status = refuse_after_losses(); !status.ok()) {
    return status;
  }
  TargetMachines::Lease machine = machines.borrow();
  std::optional<IrModule> module;
  Result<CodeGenerator::ObjectBytes> object = CodeGenerator::ObjectBytes();
  const LlvmCall call = call_llvm("generating code", stop_token, [&] {
    Result<IrModule> parsed = IrModule::parse(bitcode);
    if (!parsed) {
      object = parsed.error();
      return;
    }
    module.emplace(std::move(*parsed));
    const grpc::Status added = add_code_generation_metadata(**module, metadata);
    object = added.ok() ? machine.code_generator().compile(*module) : added;
  });
  if (call.crashed()) {
    machine.abandon();
    if (module.has_value()) {
      module->abandon();
    }
    return call.out_of_memory ? call.status()
                              : text_size_error("the code generator crashed: " + call.reason);
  }
  if (!call.returned()) {
    return call.status();
  }
  if (!object) {
    return text_size_error(object.error().error_message());
  }
  return elf_text_size({object->data(), object->size()});
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
