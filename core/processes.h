// Who is whose child, as /proc shows it.
#pragma once

#include <sys/types.h>

#include <vector>

namespace compiler_gym {

// Processes come and go while these look: what has ended meanwhile is left out.
// Threads: from any thread; each reads files of /proc.

/// Every process there is, zombies too.
[[nodiscard]] std::vector<pid_t> all_processes();

/// 0 if there is no such process.
[[nodiscard]] pid_t parent_of(pid_t pid);

/// The process and all its descendants, each after its parent.
[[nodiscard]] std::vector<pid_t> process_tree(pid_t root);

}  // namespace compiler_gym
