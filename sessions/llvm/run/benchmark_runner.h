// Builds and runs the program of one session, and takes the time.
#pragma once

#include <chrono>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/run/benchmark_commands.h"
#include "sessions/llvm/run/runtime_measurement.h"
#include "sessions/llvm/run/scratch_directory.h"

namespace compiler_gym {

class ClangPath;
class CommandHost;

/// The commands of a benchmark, in a directory that the session keeps: made when first needed,
/// removed with this object.
/// Threads:  one at a time.
/// Lifetime: refers to the configuration, to the path of clang and to the host of commands, which may
///           be null, see CommandSetting.
/// Errors:   those of run_command(): a program that the optimiser has broken fails when it runs,
///           and that is not the client's mistake.
class BenchmarkRunner {
 public:
  BenchmarkRunner(const BenchmarkDynamicConfig& config, ClangPath& clang,
                  boost::filesystem::path scratch_parent, const CommandHost* command_host);

  /// Builds from bitcode as often as asked. Returns how long each build ran.
  [[nodiscard]] Result<std::vector<std::chrono::nanoseconds>> build(
      const std::string& bitcode, int count, const std::stop_token& stop_token);

  /// Runs what was built last: once all commands that go before, then the program `warmups` times
  /// and `count` times, then the commands that go after. Returns how long each of the `count` ran.
  [[nodiscard]] Result<std::vector<std::chrono::nanoseconds>> run(
      int warmups, int count, const std::stop_token& stop_token);

  /// The same, alone on this machine among all that is measured so, on that processor, and as often as
  /// that effort says. Errors: also those of MachineLock.
  [[nodiscard]] Result<std::vector<MeasuredRun>> measure(const MeasurementEffort& effort,
                                                         int processor,
                                                         const std::stop_token& stop_token);

  /// False also when somebody who cleans up has removed the directory, and with it what was built.
  [[nodiscard]] bool has_directory() const;

 private:
  [[nodiscard]] Result<CommandSetting> setting();
  /// Between the commands that go before and those that go after: `warmups` times, and then as long as
  /// `is_wanted(runs, time)` says, of the runs that count and the time that they took together.
  template <typename IsWanted>
  [[nodiscard]] Result<std::vector<MeasuredRun>> run_while(IsWanted is_wanted, int warmups,
                                                           const CommandSetting& where,
                                                           const std::stop_token& stop_token);

  const BenchmarkDynamicConfig& config_;
  ClangPath& clang_;
  const boost::filesystem::path scratch_parent_;
  const CommandHost* const command_host_;
  std::optional<ScratchDirectory> directory_;
};

}  // namespace compiler_gym
