#include "sessions/llvm/ir/code_generator.h"

#include <llvm/ADT/StringExtras.h>
#include <llvm/Analysis/TargetLibraryInfo.h>
#include <llvm/IR/AutoUpgrade.h>
#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include <string>
#include <utility>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/pipeline.h"

namespace compiler_gym {
namespace {

// Without the address spaces whose pointers are not numbers: what Julia tells its own passes, and
// nothing that a code generator heeds.
std::string without_non_integral(const std::string& layout) {
  std::string rest;
  for (const llvm::StringRef part : llvm::split(layout, "-")) {
    if (!part.starts_with("ni:")) {
      rest += (rest.empty() ? "" : "-") + part.str();
    }
  }
  return rest;
}

// Whether a program of this layout can be compiled with that of our target: as clang does it, which
// puts its own in place of any. Older versions of LLVM said less, and a module without a triple has
// not been brought up to date when it was read.
bool lays_out_data_alike(const std::string& layout, const llvm::DataLayout& ours,
                         const std::string& triple) {
  if (layout.empty()) {
    return true;
  }
  const std::string& wanted = ours.getStringRepresentation();
  const std::string plain = without_non_integral(layout);
  return plain == wanted || llvm::UpgradeDataLayoutString(plain, triple) == wanted;
}

}  // namespace

struct CodeGenerator::Passes {
  ObjectBytes object;
  llvm::raw_svector_ostream stream{object};
  llvm::legacy::PassManager manager;
};

CodeGenerator::CodeGenerator(llvm::TargetMachine& machine)
    : machine_(machine),
      preparation_(std::make_unique<PassRunner>(&machine, machine.getTargetTriple().str())) {}

CodeGenerator::~CodeGenerator() = default;

Result<CodeGenerator::ObjectBytes> CodeGenerator::compile(IrModule& module) {
  if (const grpc::Status status = prepare(module); !status.ok()) {
    return status;
  }
  std::unique_ptr<Passes> passes = std::move(passes_);
  if (passes == nullptr) {
    passes = std::make_unique<Passes>();
    // As clang: without it code would be generated for a library of which nothing is known.
    passes->manager.add(new llvm::TargetLibraryInfoWrapperPass(
        llvm::TargetLibraryInfoImpl(machine_.getTargetTriple())));
    if (machine_.addPassesToEmitFile(passes->manager, passes->stream, /*DwoOut=*/nullptr,
                                     llvm::CodeGenFileType::ObjectFile)) {
      return invalid_argument("this target can't emit object files");
    }
  }
  passes->manager.run(*module);
  if (const std::string error = module.take_reported_error(); !error.empty()) {
    return invalid_argument(error);
  }
  ObjectBytes object = std::exchange(passes->object, {});
  passes_ = std::move(passes);
  return object;
}

grpc::Status CodeGenerator::prepare(IrModule& module) {
  const llvm::DataLayout layout = machine_.createDataLayout();
  if (!lays_out_data_alike(module->getDataLayoutStr(), layout, machine_.getTargetTriple().str())) {
    return invalid_argument("the data layout of the program, \"" + module->getDataLayoutStr() +
                            "\", is not that of " + machine_.getTargetTriple().str());
  }
  module->setDataLayout(layout);
  module->setTargetTriple(machine_.getTargetTriple().str());
  // What clang runs before it generates code; without it functions that have to be inlined are not.
  const Result<PassChanges> prepared = preparation_->run(*module, "default<O0>");
  return prepared ? grpc::Status::OK : prepared.error();
}

}  // namespace compiler_gym
