// main() of a service written for CompilerGym: as it was, but for the include.
#include "async_server/create_and_run_compiler_gym_service.h"
#include "tests/sessions/ported_session.h"

using namespace compiler_gym;

int main(int argc, char** argv) {
  runtime::createAndRunCompilerGymService<ported::PortedSession>(argc, argv, "Counts semicolons.");
}
