// main() of a compiler service. Mirrors CompilerGym's camelCase.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstdlib>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "async_server/server.h"
#include "context/compiler_gym_service_context.h"
#include "context/service_context_options.h"

namespace compiler_gym {

/// Exit statuses of a service process.
enum ServiceExitStatus : int {
  kExitOk = 0,
  kExitStartFailed = 1,     ///< bad arguments, or the service could not start; stderr says why
  kExitSessionsOpen = 6,    ///< stopped by a signal, or by its owner's end, with sessions open
  kExitShutdownFailed = 7,  ///< the context's shutdown failed, whatever else
};

/// Runs a service until SIGTERM, SIGINT or the end of its owner (`--owner_pid`) drains it; a second
/// signal ends the grace period. Returns the exit status.
[[nodiscard]] int run_compiler_gym_service(int argc, const char* const* argv, const char* usage,
                                           ServicePlugin plugin);

/// What a context class says by its member `kIsolation`. One that says nothing may be holding state
/// that its sessions share.
template <typename Context>
[[nodiscard]] constexpr Isolation isolation_of() {
  if constexpr (requires { Context::kIsolation; }) {
    return Context::kIsolation;
  }
  return std::is_same_v<Context, DefaultCompilerGymServiceContext> ? Isolation::kOffered
                                                                   : Isolation::kImpossible;
}

/// What, besides the Benchmark, a benchmark's program depends on, if the context class has a static
/// function `programStamp`.
template <typename Context>
[[nodiscard]] std::function<std::string(const Benchmark&)> program_stamp_of() {
  if constexpr (requires { &Context::programStamp; }) {
    return &Context::programStamp;
  }
  return {};
}

/// The plug-in of a session class and a context class: the session's constructor takes a reference
/// to the context, as `Context&` or as `CompilerGymServiceContext&`; the context's takes the
/// working directory and, where it is to heed them, the ServiceContextOptions.
template <typename CompilationSessionType, typename Context = DefaultCompilerGymServiceContext>
[[nodiscard]] ServicePlugin make_service_plugin() {
  return {
      .make_context =
          [](const boost::filesystem::path& workingDirectory,
             [[maybe_unused]] const ServiceContextOptions& options) {
            if constexpr (std::is_constructible_v<Context, const boost::filesystem::path&,
                                                  const ServiceContextOptions&>) {
              return std::make_unique<Context>(workingDirectory, options);
            } else {
              return std::make_unique<Context>(workingDirectory);
            }
          },
      .make_session =
          [](CompilerGymServiceContext& serviceContext) {
            return std::make_unique<CompilationSessionType>(static_cast<Context&>(serviceContext));
          },
      .isolation = isolation_of<Context>(),
      .program_stamp = program_stamp_of<Context>(),
  };
}

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
