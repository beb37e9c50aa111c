// Who is whose child, as /proc shows it, and the end of those that are not wanted any more.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <functional>
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

/// When it was started, in the kernel's ticks since the machine was: a number is given to another
/// process one day, and the two together are not. 0 if there is no such process.
[[nodiscard]] std::uint64_t start_time_of(pid_t pid);

/// Bytes of memory that the calling process has in RAM, without what is of a file or shared on purpose;
/// what it shares with a process that it was forked from counts. 0 if that can't be read.
[[nodiscard]] std::uint64_t own_memory_in_bytes();

/// The process and all its descendants, each after its parent.
[[nodiscard]] std::vector<pid_t> process_tree(pid_t root);

/// Kills the process if it is, and still is once it can't be mistaken for another any more, what
/// `is_meant` says, and waits for its end, for a second at most. Whether it was killed.
bool kill_if(pid_t pid, const std::function<bool(pid_t)>& is_meant);

/// A child that has ended and is reaped.
struct EndedChild {
  pid_t pid = 0;
  int status = 0;  ///< as waitpid() says it
};

/// Those of the calling process, which has one thread.
[[nodiscard]] std::vector<pid_t> children_of_this_process();

/// Reaps a child that ends by itself. False if it has not by then.
bool wait_for_child(pid_t child, std::chrono::milliseconds patience);

/// Kills every child of the calling process but `spared` and reaps it, and again what these leave to
/// it if it is a subreaper, until there is none; none but the kernel's own, busy with a broken disk,
/// takes longer than `patience`. The process has one thread, and nobody else waits for its children.
/// Returns those that were reaped.
std::vector<EndedChild> kill_children(std::chrono::milliseconds patience,
                                      const std::vector<pid_t>& spared = {});

/// Whether the calling process has one thread and adopts what its descendants leave behind: a child
/// that it did not have before a command is the command's then.
[[nodiscard]] bool children_are_of_commands();

}  // namespace compiler_gym
