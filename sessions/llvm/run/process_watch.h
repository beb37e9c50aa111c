// What the processes of a command take, and which of them are left.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>

namespace compiler_gym {

/// The resident memory of that one of a process and its descendants that has most, in bytes.
[[nodiscard]] std::uint64_t largest_resident_size(pid_t root);

/// Kills every process in whose environment this entry, `NAME=value`, is, until there is none: those
/// too that have left their process group and session, and have been adopted by another. What
/// empties its environment gets away.
/// `started_before`: a process that was there before all of them, so that not every process of the
/// machine has to be looked at.
void kill_marked(const std::string& entry, pid_t started_before);

}  // namespace compiler_gym
