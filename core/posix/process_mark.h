// How what a process has started is known, when it has left its group, its session and its parent.
#pragma once

#include <sys/types.h>

#include <string>

namespace compiler_gym {

/// A variable of the environment, which children inherit: each command has another value. What
/// empties its environment is not known by it.
inline constexpr const char* kProcessMark = "COMPILER_GYM_COMMAND";

/// The value for another command of this process.
/// Threads: any.
[[nodiscard]] std::string new_process_mark();

/// What the values of all commands of a process begin with. The process lives.
[[nodiscard]] std::string process_marks_of(pid_t process);

/// Kills every process whose mark begins so, until there is none.
/// `started_before`: a process that was there before all of them, so that not every process of the
/// machine has to be looked at; 0 if none is known.
void kill_marked(const std::string& mark, pid_t started_before);

}  // namespace compiler_gym
