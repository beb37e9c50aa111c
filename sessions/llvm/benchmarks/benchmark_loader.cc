#include "sessions/llvm/benchmarks/benchmark_loader.h"

#include <llvm/Bitcode/BitcodeReader.h>
#include <llvm/Config/llvm-config.h>
#include <llvm/IR/DebugInfo.h>
#include <llvm/IR/Module.h>

#include <optional>
#include <utility>

#include "sessions/llvm/ir/crash_recovery.h"
#include "sessions/llvm/ir/ir_module.h"

namespace compiler_gym {
namespace {

void anonymise(llvm::Module& module) {
  module.setModuleIdentifier("-");
  module.setSourceFileName("-");
  while (!module.named_metadata_empty()) {
    module.eraseNamedMetadata(&*module.named_metadata_begin());
  }
}

// What another version wrote is upgraded whenever it is parsed.
bool is_of_this_llvm(std::string_view bitcode) {
  llvm::Expected<std::string> producer = llvm::getBitcodeProducerString(
      llvm::MemoryBufferRef(llvm::StringRef(bitcode.data(), bitcode.size()), "-"));
  if (!producer) {
    llvm::consumeError(producer.takeError());
    return false;
  }
  return *producer == "LLVM" LLVM_VERSION_STRING;
}

}  // namespace

Result<LoadedProgram> load_program(std::string_view bitcode, const std::string& benchmark_uri) {
  LoadedProgram program;
  std::optional<IrModule>& module = program.module;
  grpc::Status verified;
  const std::optional<std::string> crash = run_recovering([&] {
    Result<IrModule> parsed = IrModule::parse(bitcode);
    if (!parsed) {
      return;
    }
    module.emplace(std::move(*parsed));
    const bool had_debug_info = llvm::StripDebugInfo(**module);
    anonymise(**module);
    verified = verify(**module);
    if (!verified.ok()) {
      return;
    }
    if (had_debug_info || !is_of_this_llvm(bitcode)) {
      program.bitcode = write_bitcode(**module);
      module.reset();
    } else {
      program.bitcode = bitcode;
    }
  });
  if (crash.has_value() && module.has_value()) {
    module->abandon();
  }
  if (!verified.ok()) {
    return verified;
  }
  if (crash.has_value() || program.bitcode.empty()) {
    return invalid_argument("Failed to parse LLVM bitcode: \"" + benchmark_uri + "\"");
  }
  return program;
}

Result<IrModule> parse_program(std::string_view bitcode) {
  Result<IrModule> module = IrModule::parse(bitcode);
  if (module) {
    anonymise(**module);
  }
  return module;
}

}  // namespace compiler_gym
