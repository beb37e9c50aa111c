#include "async_server/create_and_run_compiler_gym_service.h"
#include "examples/counting_session.h"

int main(int argc, char** argv) {
  using namespace compiler_gym::example;
  compiler_gym::createAndRunCompilerGymService<CountingSession, CountingContext>(
      argc, argv, "Counts the actions of all its sessions, over restarts too.");
}
