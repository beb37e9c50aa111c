// Finds out whether an optimiser has broken a program.
#pragma once

#include <boost/filesystem/path.hpp>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/run/sanitizer.h"
#include "sessions/llvm/run/validation.h"

namespace compiler_gym {

class CommandHost;
class ScratchDirectory;
struct CommandSetting;

/// A differential test of one benchmark: builds and runs the program as it was and as it is now, by
/// the benchmark's own commands, and compares what the two do: exit status, stdout, stderr, and the
/// files that the run command says it makes. Each run has a new directory.
///
///     ProgramValidator validator(benchmark.dynamic_config(), original_bitcode, clang, directory);
///     const Validation validation = validator.validate(optimised_bitcode, stop_token);
///
/// The program as it was is run a few times, when it is first needed: one whose runs differ among
/// themselves is reported as such. As two equal runs prove little, it is run again before another
/// program is said to differ from it.
///
/// With a sanitizer both are built with it, from bitcode that sanitized_bitcode() has made: a report of it
/// is a verdict of its own, after which nothing is compared.
///
/// Threads:  every member may be called from any thread. validate() blocks while it builds and
///           runs; calls run at the same time, but for the first, which the others wait for.
/// Errors:   a verdict, always; kNotChecked if there is no directory or process to be had.
/// Cancel:   at a stop request, what runs is killed, and the verdict is kNotChecked.
/// Source:   what validating an environment does in CompilerGym, for cBench programs.
class ProgramValidator {
 public:
  /// `clang` is what `$CC` stands for; `scratch_parent` is where directories are made; `command_host` may be
  /// null, see CommandSetting.
  ProgramValidator(BenchmarkDynamicConfig config, std::string bitcode, std::string clang,
                   boost::filesystem::path scratch_parent,
                   const CommandHost* command_host = nullptr,
                   std::optional<Sanitizer> sanitizer = std::nullopt);

  [[nodiscard]] Validation validate(const std::string& bitcode, const std::stop_token& stop_token);

 private:
  /// What a run of a program shows to the outside.
  struct Behaviour {
    int exit_status = 0;
    std::string standard_output;
    std::string standard_error;
    std::vector<std::string> files{};

    friend bool operator==(const Behaviour&, const Behaviour&) = default;
  };
  /// The behaviour, or why there is none.
  using Outcome = std::variant<Behaviour, Validation>;

  [[nodiscard]] Outcome run(const std::string& bitcode, const std::stop_token& stop_token) const;
  [[nodiscard]] CommandSetting setting_in(const ScratchDirectory& directory) const;
  /// What the sanitizer says, on the stderr of a command; none if it says nothing, or there is none.
  [[nodiscard]] std::optional<Validation> said_by_sanitizer(const std::string& subject,
                                                            std::string_view standard_error) const;
  /// Whether no program can be built with it, not even an empty one.
  [[nodiscard]] bool sanitizer_is_missing(const std::stop_token& stop_token) const;
  [[nodiscard]] Outcome run_before(const std::stop_token& stop_token) const;
  [[nodiscard]] Outcome known_before(const std::stop_token& stop_token);
  [[nodiscard]] Validation compare(const Behaviour& before, const Behaviour& after) const;

  const BenchmarkDynamicConfig config_;
  const std::string bitcode_;
  const std::string clang_;
  const boost::filesystem::path scratch_parent_;
  const CommandHost* const command_host_;
  const std::optional<Sanitizer> sanitizer_;
  std::mutex mutex_;
  std::optional<Outcome> before_;
};

}  // namespace compiler_gym
