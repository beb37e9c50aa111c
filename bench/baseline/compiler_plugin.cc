#include "bench/baseline/compiler_plugin.h"

#include <string>

#include "examples/example_session.h"
#ifdef COMPILER_GYM_BASELINE_HAS_LLVM
#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/llvm_session.h"
#endif

namespace compiler_gym {

Result<ServicePlugin> plugin_of_compiler(std::string_view name) {
  if (name == "example") {
    return make_service_plugin<example::ExampleSession>();
  }
#ifdef COMPILER_GYM_BASELINE_HAS_LLVM
  if (name == "llvm") {
    return make_service_plugin<LlvmSession, LlvmServiceContext>();
  }
#endif
  return invalid_argument("no compiler '" + std::string(name) + "' in this program");
}

}  // namespace compiler_gym
