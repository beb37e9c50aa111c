// The LLVM service, but for sessions that fail when they are told to: see FaultySession.
#include "async_server/create_and_run_compiler_gym_service.h"
#include "sessions/llvm/llvm_service_context.h"
#include "tests/fault/faulty_session.h"

int main(int argc, char** argv) {
  using namespace compiler_gym;
  createAndRunCompilerGymService<testing::FaultySession, LlvmServiceContext>(
      argc, argv, "LLVM 19.1, which fails when it is told to.");
}
