// The command line of a service binary.
#pragma once

#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <variant>
#include <vector>

#include "async_server/server.h"
#include "core/support/status.h"

namespace compiler_gym {

/// Whether sandbox processes are confined, see Confinement.
enum class SandboxMode {
  kAuto,  ///< as far as the kernel can
  kOff,
  kRequired,  ///< the service does not start if the kernel can't
};

/// What a service was asked to do.
struct ServiceCommand {
  ServerOptions server;
  /// What the byte bounds of `server` and `sandbox_limits` derive from, unless they were given.
  std::uint64_t memory_budget = 0;
  /// None: what the plug-in is for.
  std::optional<ExecutorKind> executor;
  isolated::SandboxLimits sandbox_limits;
  SandboxMode sandbox = SandboxMode::kAuto;
  /// What sandbox processes may read as well, if benchmarks may not lie anywhere.
  std::vector<std::string> sandbox_read;
  /// As given; empty: make one under the temporary directory, and remove it at the end.
  boost::filesystem::path working_directory;
  /// The service ends with this process.
  std::optional<pid_t> owner_pid;
  bool log_to_stderr = false;
  bool log_every_line = false;
  int verbosity = 0;
};

/// Sets the budget and all that derives from it.
void apply_memory_budget(std::uint64_t bytes, ServiceCommand& command);

/// Print `text` to stdout and exit with 0: `--help`, `--version` and their likes.
struct PrintAndExit {
  std::string text;
};

/// Reads the arguments. `default_budget`: without `--memory_budget`. Flags may be written `--flag=value`, `--flag value` and, as gflags allowed,
/// with a single dash. Errors: INVALID_ARGUMENT naming the flag or argument in single quotes, e.g.
/// `unknown command line flag 'foobar'`.
[[nodiscard]] Result<std::variant<ServiceCommand, PrintAndExit>> parse_command_line(
    int argc, const char* const* argv, const std::string& usage, std::uint64_t default_budget);

}  // namespace compiler_gym
