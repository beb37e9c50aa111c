// A compiler as a plug-in: what differs between one service and another.
#pragma once

#include <boost/filesystem/path.hpp>
#include <functional>
#include <memory>
#include <string>
#include <type_traits>

#include "context/compiler_gym_service_context.h"
#include "context/service_context_options.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/compilation_session.h"

namespace compiler_gym {

/// Makes the service's context. Called once.
using ContextFactory = std::function<std::unique_ptr<CompilerGymServiceContext>(
    const boost::filesystem::path& working_directory, const ServiceContextOptions& options)>;

struct ServicePlugin {
  ContextFactory make_context;
  SessionFactory make_session;
  /// If possible, the context is made and initialised once more, by init(), in the process that
  /// sandbox processes are forked from. It is never shut down there.
  Isolation isolation = Isolation::kImpossible;
  /// See IsolationOptions.
  std::function<std::string(const Benchmark&)> program_stamp{};
  /// Whether its inline sessions run commands, by ServiceContextOptions::command_host.
  bool runs_commands = false;
};

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

/// What a context class says by its member `kRunsCommands`, if it has one.
template <typename Context>
[[nodiscard]] constexpr bool runs_commands_of() {
  if constexpr (requires { Context::kRunsCommands; }) {
    return Context::kRunsCommands;
  }
  return false;
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
      .runs_commands = runs_commands_of<Context>(),
  };
}

}  // namespace compiler_gym
