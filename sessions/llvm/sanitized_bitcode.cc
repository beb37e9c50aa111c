#include "sessions/llvm/sanitized_bitcode.h"

#include <llvm/IR/Module.h>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"

namespace compiler_gym {
namespace {

llvm::Attribute::AttrKind attribute_of(Sanitizer sanitizer) {
  switch (sanitizer) {
    case Sanitizer::kAddress:
      return llvm::Attribute::SanitizeAddress;
    case Sanitizer::kMemory:
      return llvm::Attribute::SanitizeMemory;
    case Sanitizer::kThread:
      return llvm::Attribute::SanitizeThread;
  }
  return llvm::Attribute::None;
}

void mark(llvm::Module& module, Sanitizer sanitizer) {
  for (llvm::Function& function : module) {
    if (!function.isDeclaration() && !function.hasFnAttribute(llvm::Attribute::Naked) &&
        !function.hasFnAttribute(llvm::Attribute::DisableSanitizerInstrumentation)) {
      function.addFnAttr(attribute_of(sanitizer));
    }
  }
}

}  // namespace

Result<std::string> sanitized_bitcode(const std::string& bitcode, Sanitizer sanitizer,
                                      const std::stop_token& stop_token) {
  std::string marked;
  grpc::Status status;
  const LlvmCall call = call_llvm("marking functions for a sanitizer", stop_token, [&] {
    const Result<IrModule> module = IrModule::parse(bitcode);
    if (!module) {
      status = module.error();
      return;
    }
    mark(**module, sanitizer);
    marked = write_bitcode(**module);
  });
  if (!call.returned()) {
    return call.status();
  }
  return status.ok() ? Result<std::string>(std::move(marked)) : status;
}

}  // namespace compiler_gym
