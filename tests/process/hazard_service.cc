// A service whose sessions are a hazard, to be isolated: see HazardSession.
#include "async_server/create_and_run_compiler_gym_service.h"
#include "tests/isolated/hazard_session.h"

int main(int argc, char** argv) {
  compiler_gym::createAndRunCompilerGymService<compiler_gym::testing::HazardSession>(
      argc, argv, "Crashes and hangs when it is told to.");
}
