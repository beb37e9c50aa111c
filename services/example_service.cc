#include "async_server/create_and_run_compiler_gym_service.h"
#include "examples/example_session.h"

int main(int argc, char** argv) {
  compiler_gym::createAndRunCompilerGymService<compiler_gym::example::ExampleSession>(
      argc, argv, "The example service: actions without effect, observations that never change.");
}
