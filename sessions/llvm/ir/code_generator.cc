#include "sessions/llvm/ir/code_generator.h"

#include <llvm/IR/LegacyPassManager.h>
#include <llvm/IR/Module.h>
#include <llvm/Support/raw_ostream.h>
#include <llvm/Target/TargetMachine.h>

#include <string>
#include <utility>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/pipeline.h"

namespace compiler_gym {

struct CodeGenerator::Passes {
  ObjectBytes object;
  llvm::raw_svector_ostream stream{object};
  llvm::legacy::PassManager manager;
};

CodeGenerator::CodeGenerator(llvm::TargetMachine& machine) : machine_(machine) {}

CodeGenerator::~CodeGenerator() = default;

Result<CodeGenerator::ObjectBytes> CodeGenerator::compile(IrModule& module) {
  if (const grpc::Status status = prepare(module); !status.ok()) {
    return status;
  }
  std::unique_ptr<Passes> passes = std::move(passes_);
  if (passes == nullptr) {
    passes = std::make_unique<Passes>();
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

grpc::Status CodeGenerator::prepare(IrModule& module) const {
  const llvm::DataLayout layout = machine_.createDataLayout();
  if (module->getDataLayout().isDefault()) {
    module->setDataLayout(layout);
  } else if (module->getDataLayout() != layout) {
    return invalid_argument("the data layout of the program, \"" + module->getDataLayoutStr() +
                            "\", is not that of " + machine_.getTargetTriple().str());
  }
  module->setTargetTriple(machine_.getTargetTriple().str());
  // What clang runs before it generates code; without it functions that have to be inlined are not.
  const Result<bool> prepared = run_pipeline(*module, &machine_, "default<O0>");
  return prepared ? grpc::Status::OK : prepared.error();
}

}  // namespace compiler_gym
