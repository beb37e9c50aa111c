// Runs a command of a benchmark and gets rid of all that it started.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "core/posix/file_descriptor.h"
#include "core/support/status.h"

namespace compiler_gym {

/// Limits on each process of a command, on top of those this process has itself.
struct ProcessLimits {
  /// Of memory that is really used. Looked at a few times a second, so a process may take more for
  /// a moment.
  std::uint64_t resident_memory_in_bytes = std::uint64_t{16} << 30;
  /// 0: none. Programs built with a sanitizer reserve terabytes.
  std::uint64_t address_space_in_bytes = 0;
  std::uint64_t file_size_in_bytes = std::uint64_t{1} << 30;
  std::chrono::seconds cpu_time{3600};
};

/// A command line for /bin/sh.
struct ShellCommand {
  std::string command;
  /// The command's current directory; this process never changes its own.
  boost::filesystem::path directory;
  /// Added to the environment of this process.
  std::map<std::string, std::string> environment;
  std::chrono::milliseconds timeout{60'000};
  ProcessLimits limits;
  /// Of stdout and of stderr each, this much is kept and the rest is read and dropped.
  std::size_t max_output_in_bytes = std::size_t{32} * 1024;
  /// The only one that it may run on; none: those of this process.
  std::optional<int> processor{};
  /// Counts what the processor does for it, where that can be counted.
  bool counts_events = false;
};

/// In user space, by the command and all that it started and waited for.
struct EventCounts {
  std::uint64_t instructions = 0;
  std::uint64_t cycles = 0;

  friend bool operator==(const EventCounts&, const EventCounts&) = default;
};

enum class ProcessEnd {
  kExited,    ///< `code` is its exit status
  kSignal,    ///< killed by the signal `code`, not ours
  kTimedOut,  ///< killed at the timeout
  kTooLarge,  ///< killed for the memory it used
  kStopped,   ///< killed because a stop was requested
};

struct ProcessResult {
  ProcessEnd end = ProcessEnd::kExited;
  int code = 0;
  std::string standard_output;
  std::string standard_error;
  std::chrono::nanoseconds elapsed{};
  /// Of the processor, by the command and all that it started and waited for.
  std::chrono::nanoseconds processor_time{};
  /// If they were wanted, and this machine has them.
  std::optional<EventCounts> events{};

  [[nodiscard]] bool succeeded() const { return end == ProcessEnd::kExited && code == 0; }
};

/// Runs a command to its end. It has a process group of its own, and whatever is left of it when the
/// command has ended, timed out or been stopped is killed: its group, and what has left that, which
/// is known by the variable COMPILER_GYM_COMMAND in its environment, or by having come to this process
/// if children_are_of_commands(). A process that may have other threads has its commands run by a
/// CommandHost, so that nothing gets away. Standard input is empty; no file descriptor of ours is
/// inherited.
/// Threads:  any; blocks the calling one.
/// Errors:   RESOURCE_EXHAUSTED if there are too many processes or descriptors, or too little memory,
///           to start it; UNAVAILABLE if nobody can tell how it ended, as SIGCHLD is ignored; INTERNAL
///           if it can't be started for another reason. How it ended is the result, not an error.
[[nodiscard]] Result<ProcessResult> run_shell_command(const ShellCommand& command,
                                                      const std::stop_token& stop_token);

/// The same in a process that runs one command and adopts orphans, so that every child is the
/// command's. Requested to stop when `stop` can be read.
[[nodiscard]] Result<ProcessResult> run_only_command(const ShellCommand& command,
                                                     const FileDescriptor& stop);

}  // namespace compiler_gym
