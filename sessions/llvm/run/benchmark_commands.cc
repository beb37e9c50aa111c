#include "sessions/llvm/run/benchmark_commands.h"

#include <algorithm>
#include <boost/filesystem.hpp>
#include <utility>

#include "core/posix/command_host.h"
#include "sessions/llvm/run/bitcode_file.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using Files = google::protobuf::RepeatedPtrField<std::string>;

constexpr std::chrono::seconds kDefaultTimeout{60};

// The first of the files that is not there; none if all are.
const std::string* find_missing(const Files& files, const CommandSetting& setting) {
  const auto missing = std::ranges::find_if(files, [&](const std::string& name) {
    boost::system::error_code ignored;
    return !fs::exists(setting.file(name), ignored);
  });
  return missing == files.end() ? nullptr : &*missing;
}

grpc::Status check_files(const Command& command, const Files& files, const CommandSetting& setting,
                         const std::string& what_is_wrong) {
  const std::string* missing = find_missing(files, setting);
  if (missing == nullptr) {
    return grpc::Status::OK;
  }
  return internal_error("Command '" + command_line(command) + "' " + what_is_wrong + ": " +
                        *missing);
}

// Whether the shell takes the value of an unquoted variable as it is: nothing to split, no pattern.
bool is_one_word(const std::string& text) {
  return text.find_first_of(" \t\n*?[\\") == std::string::npos;
}

std::chrono::seconds timeout_of(const Command& command) {
  return command.timeout_seconds() > 0 ? std::chrono::seconds(command.timeout_seconds())
                                       : kDefaultTimeout;
}

grpc::Status status_of(const Command& command, const ProcessResult& result) {
  const std::string subject = "Command '" + command_line(command) + "' ";
  const std::string output = result.standard_error.empty() ? "" : ": " + result.standard_error;
  switch (result.end) {
    case ProcessEnd::kExited:
      return result.code == 0 ? grpc::Status::OK
                              : internal_error(subject + "failed with exit code " +
                                               std::to_string(result.code) + output);
    case ProcessEnd::kSignal:
      return internal_error(subject + "was killed by signal " + std::to_string(result.code) +
                            output);
    case ProcessEnd::kTimedOut:
      return deadline_exceeded(subject + "failed to complete within " +
                               std::to_string(timeout_of(command).count()) + " seconds");
    case ProcessEnd::kTooLarge:
      return internal_error(subject + "was killed, as it used more memory than " +
                            std::to_string(ProcessLimits().resident_memory_in_bytes >> 30U) +
                            " GiB" + output);
    case ProcessEnd::kStopped:
      return cancelled(subject + "was cancelled");
  }
  return internal_error(subject + "ended in an unknown way");
}

}  // namespace

fs::path CommandSetting::file(const std::string& name) const {
  return fs::absolute(name, directory);
}

std::string CommandSetting::shell_word_for_bitcode() const {
  const std::string path = bitcode_file().string();
  return is_one_word(path) ? path : bitcode_file().filename().string();
}

Result<std::string> CommandSetting::shell_word_for_clang() const {
  if (is_one_word(clang)) {
    return clang;
  }
  boost::system::error_code error;
  const fs::path link = directory / "clang";
  if (!fs::is_symlink(fs::symlink_status(link, error))) {
    fs::create_symlink(clang, link, error);
    if (error) {
      return disk_error("Failed to make a link to " + clang, error);
    }
  }
  return is_one_word(link.string()) ? link.string() : "./clang";
}

bool is_buildable(const BenchmarkDynamicConfig& config) {
  return config.build_cmd().argument_size() > 0;
}

bool is_runnable(const BenchmarkDynamicConfig& config) {
  return is_buildable(config) && config.run_cmd().argument_size() > 0;
}

std::string command_line(const Command& command) {
  std::string line;
  for (const std::string& argument : command.argument()) {
    if (!line.empty()) {
      line += ' ';
    }
    line += argument;
  }
  return line;
}

Result<ProcessResult> run_to_end(const Command& command, const CommandSetting& setting,
                                 const std::stop_token& stop_token) {
  if (grpc::Status status =
          check_files(command, command.infile(), setting, "missing required file");
      !status.ok()) {
    return status;
  }
  ShellCommand shell_command;
  shell_command.command = command_line(command);
  shell_command.directory = setting.directory;
  shell_command.environment = {command.env().begin(), command.env().end()};
  shell_command.environment.insert(setting.environment.begin(), setting.environment.end());
  const Result<std::string> clang = setting.shell_word_for_clang();
  if (!clang) {
    return clang.error();
  }
  shell_command.environment["CC"] =
      setting.clang_flags.empty() ? *clang : *clang + ' ' + setting.clang_flags;
  shell_command.environment["IN"] = setting.shell_word_for_bitcode();
  shell_command.timeout = timeout_of(command);
  shell_command.max_output_in_bytes = setting.max_output_in_bytes;
  shell_command.processor = setting.processor;
  shell_command.counts_events = setting.counts_events;
  return setting.command_host != nullptr ? setting.command_host->run(shell_command, stop_token)
                                         : run_shell_command(shell_command, stop_token);
}

Result<ProcessResult> run_to_success(const Command& command, const CommandSetting& setting,
                                     const std::stop_token& stop_token) {
  Result<ProcessResult> result = run_to_end(command, setting, stop_token);
  if (!result) {
    return result.error();
  }
  if (grpc::Status status = status_of(command, *result); !status.ok()) {
    return status;
  }
  if (grpc::Status status =
          check_files(command, command.outfile(), setting, "did not produce expected file");
      !status.ok()) {
    return status;
  }
  return result;
}

Result<std::chrono::nanoseconds> run_command(const Command& command, const CommandSetting& setting,
                                             const std::stop_token& stop_token) {
  const Result<ProcessResult> result = run_to_success(command, setting, stop_token);
  if (!result) {
    return result.error();
  }
  return result->elapsed;
}

grpc::Status run_commands(const google::protobuf::RepeatedPtrField<Command>& commands,
                          const CommandSetting& setting, const std::stop_token& stop_token) {
  for (const Command& command : commands) {
    if (const auto ran = run_command(command, setting, stop_token); !ran) {
      return ran.error();
    }
  }
  return grpc::Status::OK;
}

Command compile_only(const Command& build_command) {
  Command command = build_command;
  if (std::ranges::find(command.argument(), "-o") == command.argument().end()) {
    if (command.outfile().empty()) {
      command.add_outfile("a.out");
    }
    command.add_argument("-o");
    command.add_argument(command.outfile(0));
  }
  command.add_argument("-c");
  return command;
}

Result<std::chrono::nanoseconds> build_program(const Command& build_command,
                                               const std::string& bitcode,
                                               const CommandSetting& setting,
                                               const std::stop_token& stop_token) {
  if (grpc::Status status = write_bitcode_file(setting.bitcode_file(), bitcode); !status.ok()) {
    return status;
  }
  return run_command(build_command, setting, stop_token);
}

}  // namespace compiler_gym
