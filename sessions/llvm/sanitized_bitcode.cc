#include "sessions/llvm/sanitized_bitcode.h"

#include <llvm/IR/Module.h>

#include <string_view>
#include <utility>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "sessions/llvm/ir/pipeline.h"

namespace compiler_gym {
namespace {

struct Instrumentation {
  llvm::Attribute::AttrKind attribute;  // of functions that are to be instrumented
  // What has to be done before code is generated, inlining what must be inlined for one; then the sanitizer.
  std::string_view pipeline;
};

Instrumentation instrumentation_of(Sanitizer sanitizer) {
  switch (sanitizer) {
    case Sanitizer::kAddress:
      return {llvm::Attribute::SanitizeAddress, "default<O0>,asan"};
    case Sanitizer::kMemory:
      return {llvm::Attribute::SanitizeMemory, "default<O0>,msan"};
    case Sanitizer::kThread:
      return {llvm::Attribute::SanitizeThread, "default<O0>,tsan-module,function(tsan)"};
  }
  return {llvm::Attribute::None, ""};
}

void mark(llvm::Module& module, llvm::Attribute::AttrKind attribute) {
  for (llvm::Function& function : module) {
    if (!function.isDeclaration() && !function.hasFnAttribute(llvm::Attribute::Naked) &&
        !function.hasFnAttribute(llvm::Attribute::DisableSanitizerInstrumentation)) {
      function.addFnAttr(attribute);
    }
  }
}

}  // namespace

Result<std::string> sanitized_bitcode(const std::string& bitcode, Sanitizer sanitizer,
                                      const std::stop_token& stop_token) {
  std::string instrumented;
  grpc::Status status;
  const LlvmCall call = call_llvm("putting in a sanitizer", stop_token, [&] {
    const Result<IrModule> module = IrModule::parse(bitcode);
    if (!module) {
      status = module.error();
      return;
    }
    const Instrumentation instrumentation = instrumentation_of(sanitizer);
    mark(**module, instrumentation.attribute);
    const auto changed = run_pipeline(**module, nullptr, instrumentation.pipeline);
    status = changed ? grpc::Status::OK : changed.error();
    instrumented = write_bitcode(**module);
  });
  if (!call.returned()) {
    return call.status();
  }
  return status.ok() ? Result<std::string>(std::move(instrumented)) : status;
}

}  // namespace compiler_gym
