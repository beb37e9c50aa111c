// What the processes of a command take.
#pragma once

#include <sys/types.h>

#include <cstdint>

namespace compiler_gym {

/// The resident memory of that one of a process and its descendants that has most, in bytes.
[[nodiscard]] std::uint64_t largest_resident_size(pid_t root);

}  // namespace compiler_gym
