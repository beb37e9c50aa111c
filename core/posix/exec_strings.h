// What exec() and posix_spawn() take.
#pragma once

#include <string>
#include <vector>

namespace compiler_gym {

/// This process's environment with the additions, `NAME=value`, which replace what has their names.
/// Threads: as getenv(): nobody may change the environment meanwhile.
[[nodiscard]] std::vector<std::string> environment_with(const std::vector<std::string>& additions);

/// Pointers into the strings, and a null pointer. Valid as long as these are not changed.
[[nodiscard]] std::vector<char*> null_terminated(std::vector<std::string>& strings);

}  // namespace compiler_gym
