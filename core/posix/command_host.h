// Runs commands for a process with threads, so that nothing which they start gets away.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <memory>
#include <stop_token>

#include "core/posix/child_process.h"
#include "core/posix/file_descriptor.h"
#include "core/support/status.h"

namespace compiler_gym {

/// A process that forks another one for each command, as seen from the process that forked it.
///
/// The kernel gives what a dead process leaves to the nearest ancestor that adopts orphans. A process
/// with threads can't be that one: it would not know an orphan of one command from that of another, nor
/// from its own children, and when it is killed they are free. So each command has a process above
/// it that does nothing but wait for its end, kills what it has adopted by then, and does so as well
/// when whoever asked for the command is gone. What is left when that process is killed itself comes to
/// the host, which kills it.
///
/// Threads:  run() may be called from any thread.
/// Lifetime: destroying it ends the host with all its commands, and so does the end of this process,
///           whichever it is.
class CommandHost {
 public:
  /// Before the calling process has threads: the host has copies of its locks as they are.
  /// `patience`: what has to be killed for a command's end, when its own time is over, is given so
  /// long; then the process above it is killed.
  /// Errors: UNAVAILABLE with the reason.
  [[nodiscard]] static Result<std::shared_ptr<CommandHost>> fork(
      std::chrono::milliseconds patience = std::chrono::seconds(10));
  CommandHost(const CommandHost&) = delete;
  CommandHost& operator=(const CommandHost&) = delete;
  ~CommandHost();

  /// Does what run_shell_command() does, with its errors; blocks the calling thread. The command's
  /// environment is what the process had when it made the host, with what is added.
  /// Errors: UNAVAILABLE also if the host, or the process above the command, is gone or does not answer.
  [[nodiscard]] Result<ProcessResult> run(const ShellCommand& command,
                                          const std::stop_token& stop_token) const;

  [[nodiscard]] pid_t pid() const { return pid_; }

 private:
  CommandHost(FileDescriptor control, pid_t pid, std::chrono::milliseconds patience);

  FileDescriptor control_;
  const pid_t pid_;
  const std::chrono::milliseconds patience_;
};

}  // namespace compiler_gym
