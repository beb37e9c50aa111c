// A service whose sessions are a hazard, to be isolated: see HazardSession.
#include "async_server/create_and_run_compiler_gym_service.h"
#include "tests/isolated/hazard_session.h"
#include "tests/process/faulty_context.h"

namespace compiler_gym::testing {
namespace {

class HazardContext final : public FaultyContext {
 public:
  static constexpr Isolation kIsolation = Isolation::kOffered;
  using FaultyContext::FaultyContext;
};

}  // namespace
}  // namespace compiler_gym::testing

int main(int argc, char** argv) {
  using namespace compiler_gym::testing;
  compiler_gym::createAndRunCompilerGymService<HazardSession, HazardContext>(
      argc, argv, "Crashes and hangs when it is told to.");
}
