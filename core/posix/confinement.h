// What a process may reach of the machine, by Landlock and seccomp.
#pragma once

#include <string>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

/// Files and directories, these with all that is in them. What does not exist is left out.
struct FileAccess {
  bool read_anything = false;
  std::vector<std::string> read;   ///< and execute
  std::vector<std::string> write;  ///< read, execute, make and remove as well
};

/// What the kernel, and whoever started us, allows to be done.
struct ConfinementSupport {
  /// Landlock, of a version (2, Linux 5.19) that allows files to be moved between directories.
  int landlock_version = 0;  ///< 0: can't be used
  /// Filters of system calls, of an architecture that is known here.
  bool seccomp = false;

  [[nodiscard]] bool complete() const { return landlock_version > 0 && seccomp; }
  [[nodiscard]] bool none() const { return landlock_version == 0 && !seccomp; }
};

[[nodiscard]] ConfinementSupport confinement_support();

/// For the calling thread and whatever it starts from now on, for good, as far as there is support:
/// - Landlock: no other files than these; signals and abstract unix sockets (version 6) do not leave
///   the confined processes, nor does ptrace().
/// - seccomp: no sockets but unix ones, and no io_uring, which can make sockets as well. Programs that
///   gain privileges when executed do not.
/// Errors: UNAVAILABLE with the system's reason; what has been done by then stays.
[[nodiscard]] grpc::Status confine(const FileAccess& files, const ConfinementSupport& support);

/// What programs need that are installed on this machine: their directories, those of the variables
/// PATH and LD_LIBRARY_PATH, and what the C library looks up. Nothing of anybody's data.
[[nodiscard]] FileAccess access_of_programs();

/// For the log: `files by Landlock (version 7), network by seccomp`.
[[nodiscard]] std::string to_string(const ConfinementSupport& support);

}  // namespace compiler_gym
