// Whether a process is over, for tests that wait for one which is not their own child.
#pragma once

#include <sys/types.h>

#include <string>

#include "core/posix/processes.h"

namespace compiler_gym::testing {

/// True once there is no such process any more, or it only waits to be reaped: what becomes a child of a
/// container's first process may wait so for ever.
inline bool has_ended(pid_t pid) {
  const std::string stat = read_proc_file("/proc/" + std::to_string(pid) + "/stat");
  return stat.empty() || stat.find(") Z") != std::string::npos;
}

}  // namespace compiler_gym::testing
