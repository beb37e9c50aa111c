// main() of a compiler service. Mirrors CompilerGym's camelCase.
#pragma once

#include <cstdlib>

#include "async_server/service_plugin.h"

namespace compiler_gym {

/// Exit statuses of a service process.
enum ServiceExitStatus : int {
  kExitOk = 0,
  kExitStartFailed = 1,     ///< bad arguments, or the service could not start; stderr says why
  kExitSessionsOpen = 6,    ///< stopped by a signal, or by its owner's end, with sessions open
  kExitShutdownFailed = 7,  ///< the context's shutdown failed, whatever else
  kExitForced =
      8,  ///< something hung after a signal, and was left behind; the context's shutdown ran if it could
};

/// Runs a service until SIGTERM, SIGINT or the end of its owner (`--owner_pid`) drains it; a second
/// signal ends the grace period. Returns the exit status.
[[nodiscard]] int run_compiler_gym_service(int argc, const char* const* argv, const char* usage,
                                           ServicePlugin plugin);

/// All that a service's main() does. `usage` is what --help prints before the flags.
///
///     int main(int argc, char** argv) {
///       compiler_gym::createAndRunCompilerGymService<MySession, MyContext>(argc, argv, "A
///       compiler.");
///     }
template <typename CompilationSessionType, typename Context = DefaultCompilerGymServiceContext>
[[noreturn]] void createAndRunCompilerGymService(int argc, char** argv, const char* usage) {
  std::exit(run_compiler_gym_service(argc, argv, usage,
                                     make_service_plugin<CompilationSessionType, Context>()));
}

namespace runtime {
using compiler_gym::createAndRunCompilerGymService;  // where CompilerGym has it
}  // namespace runtime

}  // namespace compiler_gym
