// The commands a benchmark brings along: how it is built and run.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <optional>
#include <stop_token>
#include <string>

#include "core/posix/child_process.h"
#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

class CommandHost;

/// Where a benchmark's commands run.
struct CommandSetting {
  /// The current directory of the commands; paths of files that a command needs or makes are
  /// relative to it. Absolute.
  boost::filesystem::path directory;
  /// The path of clang.
  std::string clang;
  /// What `$CC` has behind it, parted by blanks.
  std::string clang_flags{};
  /// Of a command's stdout and of its stderr, this much is kept.
  std::size_t max_output_in_bytes = std::size_t{32} * 1024;
  /// What runs the commands; none: this process.
  const CommandHost* command_host = nullptr;
  /// See ShellCommand.
  std::optional<int> processor{};
  bool counts_events = false;
  /// Of the environment of a command that does not say otherwise itself.
  std::map<std::string, std::string> environment{};

  /// Where the bitcode to build lies.
  [[nodiscard]] boost::filesystem::path bitcode_file() const { return directory / "out.bc"; }
  /// What `$IN` and `$CC` are, which commands write without quotes: the paths, or, where the shell
  /// would take one apart, a name in the command's directory. For clang that is a link, made here.
  [[nodiscard]] std::string shell_word_for_bitcode() const;
  [[nodiscard]] Result<std::string> shell_word_for_clang() const;
  /// The path of a file named by a command.
  [[nodiscard]] boost::filesystem::path file(const std::string& name) const;
};

[[nodiscard]] bool is_buildable(const BenchmarkDynamicConfig& config);
[[nodiscard]] bool is_runnable(const BenchmarkDynamicConfig& config);

/// The arguments joined by blanks, which is what the shell runs.
[[nodiscard]] std::string command_line(const Command& command);

/// Runs a command to its end, however it ends. A timeout of 0 is one of a minute.
/// Errors: INTERNAL if a file that it needs is not there, or if it can't be started.
[[nodiscard]] Result<ProcessResult> run_to_end(const Command& command,
                                               const CommandSetting& setting,
                                               const std::stop_token& stop_token);

/// Runs a command, and checks that it succeeds, that the files it needs are there before and those it
/// makes after.
/// Errors: DEADLINE_EXCEEDED at the timeout, CANCELLED at a stop request, INTERNAL with the
///         command's stderr if it fails, as it does on a program that crashes.
[[nodiscard]] Result<ProcessResult> run_to_success(const Command& command,
                                                   const CommandSetting& setting,
                                                   const std::stop_token& stop_token);

/// The same. Returns how long it ran.
[[nodiscard]] Result<std::chrono::nanoseconds> run_command(const Command& command,
                                                           const CommandSetting& setting,
                                                           const std::stop_token& stop_token);

/// Runs several, one after another, until one fails. Errors: those of run_command().
[[nodiscard]] grpc::Status run_commands(const google::protobuf::RepeatedPtrField<Command>& commands,
                                        const CommandSetting& setting,
                                        const std::stop_token& stop_token);

/// A build command's variant that compiles without linking: with `-c`, and with `-o a.out` if it
/// does not say where to.
[[nodiscard]] Command compile_only(const Command& build_command);

/// Writes the bitcode to `$IN` and runs the build command. Returns how long that ran.
[[nodiscard]] Result<std::chrono::nanoseconds> build_program(const Command& build_command,
                                                             const std::string& bitcode,
                                                             const CommandSetting& setting,
                                                             const std::stop_token& stop_token);

}  // namespace compiler_gym
