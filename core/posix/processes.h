// Who is whose child, as /proc shows it.
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace compiler_gym {

// Processes come and go while these look: what has ended meanwhile is left out.
// Threads: from any thread; each reads files of /proc.

/// Empty if it can't be opened or read: a process may end between the one and the other.
[[nodiscard]] std::string read_proc_file(const std::string& path);

/// Every process there is, zombies too.
[[nodiscard]] std::vector<pid_t> all_processes();

/// 0 if there is no such process.
[[nodiscard]] pid_t parent_of(pid_t pid);

/// The process and all its descendants, each after its parent.
[[nodiscard]] std::vector<pid_t> process_tree(pid_t root);

}  // namespace compiler_gym
