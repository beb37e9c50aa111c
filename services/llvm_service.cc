#include "async_server/create_and_run_compiler_gym_service.h"
#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/llvm_session.h"

int main(int argc, char** argv) {
  using namespace compiler_gym;
  createAndRunCompilerGymService<LlvmSession, LlvmServiceContext>(
      argc, argv, "LLVM 19.1 behind CompilerGym's interface: passes as actions.");
}
