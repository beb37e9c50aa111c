#include "sessions/llvm/run/program_validator.h"

#include <fmt/core.h>

#include <algorithm>
#include <cctype>
#include <string>
#include <string_view>
#include <utility>

#include "sessions/llvm/run/benchmark_commands.h"
#include "sessions/llvm/run/program_file.h"
#include "sessions/llvm/run/scratch_directory.h"

namespace compiler_gym {
namespace {

// How often the program as it was is run at first, and again when another seems to differ.
constexpr int kRunsBefore = 3;
constexpr std::size_t kMaxOutputInBytes = std::size_t{16} << 20;  // printed, or in one file

// The verdict on a program of which a command failed; a stop is nobody's fault.
Validation failure(Verdict verdict, const grpc::Status& status) {
  const bool stopped = status.error_code() == grpc::StatusCode::CANCELLED;
  return {stopped ? Verdict::kNotChecked : verdict, status.error_message()};
}

// The signal that ended the program, 0 if none did. The shell that runs it has a status for that.
int signal_of(const ProcessResult& process) {
  constexpr int kSignalBase = 128;
  constexpr int kLastSignal = 64;
  if (process.end == ProcessEnd::kSignal) {
    return process.code;
  }
  const int signal = process.code - kSignalBase;
  return signal > 0 && signal <= kLastSignal ? signal : 0;
}

// What the program wrote to a file, or what is wrong with that; `name` is what its author calls it.
// RESOURCE_EXHAUSTED: the machine is short of something.
Result<std::string> read_output(const boost::filesystem::path& path, const std::string& name) {
  Result<std::string> contents = read_regular_file(path.string(), kMaxOutputInBytes + 1);
  if (!contents) {
    switch (contents.error().error_code()) {
      case grpc::StatusCode::RESOURCE_EXHAUSTED:
        return contents.error();
      case grpc::StatusCode::NOT_FOUND:
        return invalid_argument("did not produce expected file: " + name);
      default:
        return invalid_argument("made of '" + name + "' something that can't be read as a file");
    }
  }
  if (contents->size() > kMaxOutputInBytes) {
    return invalid_argument(
        fmt::format("writes more than {} bytes to '{}'", kMaxOutputInBytes, name));
  }
  return contents;
}

// One line of a text for a message: not too long, and printable.
std::string line_at(std::string_view text, std::size_t position) {
  constexpr std::size_t kMaxLength = 40;
  const std::size_t begin = text.substr(0, position).rfind('\n') + 1;  // 0 if there is none before
  std::string line(text.substr(begin, std::min(text.find('\n', position), text.size()) - begin));
  if (line.size() > kMaxLength) {
    line.resize(kMaxLength);
    line += "...";
  }
  std::ranges::replace_if(line, [](unsigned char c) { return std::isprint(c) == 0; }, '?');
  return '"' + line + '"';
}

std::string first_difference(std::string_view before, std::string_view after) {
  const auto at =
      static_cast<std::size_t>(std::ranges::mismatch(before, after).in1 - before.begin());
  const auto line = 1 + std::ranges::count(before.substr(0, at), '\n');
  return fmt::format("differs in line {}: {} instead of {}", line, line_at(after, at),
                     line_at(before, at));
}

}  // namespace

ProgramValidator::ProgramValidator(BenchmarkDynamicConfig config, std::string bitcode,
                                   std::string clang, boost::filesystem::path scratch_parent,
                                   const CommandHost* command_host,
                                   std::optional<Sanitizer> sanitizer)
    : config_(std::move(config)),
      bitcode_(std::move(bitcode)),
      clang_(std::move(clang)),
      scratch_parent_(std::move(scratch_parent)),
      command_host_(command_host),
      sanitizer_(sanitizer) {}

Validation ProgramValidator::validate(const std::string& bitcode,
                                      const std::stop_token& stop_token) {
  const Outcome before = known_before(stop_token);
  if (const Validation* none = std::get_if<Validation>(&before)) {
    return *none;
  }
  const auto& expected = std::get<Behaviour>(before);
  const Outcome after = run(bitcode, stop_token);
  const auto* behaviour = std::get_if<Behaviour>(&after);
  Validation validation =
      behaviour != nullptr ? compare(expected, *behaviour) : std::get<Validation>(after);
  if (validation.verdict == Verdict::kValidated || validation.verdict == Verdict::kBuildFailed ||
      validation.verdict == Verdict::kNotChecked) {
    return validation;
  }
  const Outcome again = run_before(stop_token);
  if (const Validation* none = std::get_if<Validation>(&again)) {
    return *none;
  }
  if (Validation changed = compare(expected, std::get<Behaviour>(again));
      changed.verdict != Verdict::kValidated) {
    return {Verdict::kNondeterministic, "before optimisation, " + changed.reason};
  }
  return validation;
}

ProgramValidator::Outcome ProgramValidator::known_before(const std::stop_token& stop_token) {
  const std::lock_guard lock(mutex_);
  if (before_.has_value()) {
    return *before_;
  }
  Outcome before = run_before(stop_token);
  const Validation* none = std::get_if<Validation>(&before);
  if (none == nullptr || none->verdict != Verdict::kNotChecked) {
    before_ = before;
  }
  return before;
}

ProgramValidator::Outcome ProgramValidator::run_before(const std::stop_token& stop_token) const {
  if (!is_runnable(config_)) {
    return Validation{Verdict::kUnusable, "the benchmark has no commands to build and to run it"};
  }
  std::optional<Behaviour> first;
  for (int i = 0; i < kRunsBefore; ++i) {
    Outcome outcome = run(bitcode_, stop_token);
    if (const Validation* none = std::get_if<Validation>(&outcome)) {
      const bool checked =
          none->verdict != Verdict::kNotChecked &&
          (none->verdict != Verdict::kBuildFailed || !sanitizer_is_missing(stop_token));
      return Validation{checked ? Verdict::kUnusable : Verdict::kNotChecked,
                        "before optimisation: " + none->reason};
    }
    if (!first.has_value()) {
      first = std::get<Behaviour>(std::move(outcome));
      continue;
    }
    if (Validation changed = compare(*first, std::get<Behaviour>(outcome));
        changed.verdict != Verdict::kValidated) {
      return Validation{Verdict::kNondeterministic, "before optimisation, " + changed.reason};
    }
  }
  return *std::move(first);
}

bool ProgramValidator::sanitizer_is_missing(const std::stop_token& stop_token) const {
  if (!sanitizer_.has_value()) {
    return false;
  }
  const Result<ScratchDirectory> directory = ScratchDirectory::create(scratch_parent_);
  if (!directory) {
    return true;
  }
  Command build;
  build.add_argument("echo 'int main(void) { return 0; }' >empty.c && $CC empty.c");
  return !run_command(build, setting_in(*directory), stop_token);
}

std::optional<Validation> ProgramValidator::said_by_sanitizer(
    const std::string& subject, std::string_view standard_error) const {
  if (!sanitizer_.has_value()) {
    return std::nullopt;
  }
  if (const auto failure = failure_of_sanitizer(standard_error, *sanitizer_)) {
    return Validation{Verdict::kNotChecked, subject + *failure};
  }
  if (const auto report = summary_of_report(standard_error, *sanitizer_)) {
    return Validation{Verdict::kSanitizerReport,
                      fmt::format("{}{}: {}", subject, facts_of(*sanitizer_).report, *report)};
  }
  return std::nullopt;
}

CommandSetting ProgramValidator::setting_in(const ScratchDirectory& directory) const {
  CommandSetting setting{
      .directory = directory.path(), .clang = clang_, .command_host = command_host_};
  if (sanitizer_.has_value()) {
    const SanitizerFacts& facts = facts_of(*sanitizer_);
    setting.clang_flags = clang_flags_of(*sanitizer_);
    setting.environment.emplace(facts.options_variable, facts.default_options);
  }
  return setting;
}

ProgramValidator::Outcome ProgramValidator::run(const std::string& bitcode,
                                                const std::stop_token& stop_token) const {
  const Result<ScratchDirectory> directory = ScratchDirectory::create(scratch_parent_);
  if (!directory) {
    return Validation{Verdict::kNotChecked, directory.error().error_message()};
  }
  CommandSetting setting = setting_in(*directory);
  if (const auto built = build_program(config_.build_cmd(), bitcode, setting, stop_token); !built) {
    return failure(Verdict::kBuildFailed, built.error());
  }
  if (const grpc::Status ready = run_commands(config_.pre_run_cmd(), setting, stop_token);
      !ready.ok()) {
    const std::optional<Validation> said = said_by_sanitizer("", ready.error_message());
    return said.has_value() ? *said : failure(Verdict::kBuildFailed, ready);
  }

  const Command& command = config_.run_cmd();
  setting.max_output_in_bytes = kMaxOutputInBytes + 1;
  Result<ProcessResult> process = run_to_end(command, setting, stop_token);
  if (!process) {
    return Validation{Verdict::kNotChecked, process.error().error_message()};
  }
  const std::string subject = "'" + command_line(command) + "' ";
  switch (process->end) {
    case ProcessEnd::kTimedOut:
      return Validation{Verdict::kTimedOut, subject + "ran into its timeout"};
    case ProcessEnd::kStopped:
      return Validation{Verdict::kNotChecked, subject + "was cancelled"};
    case ProcessEnd::kTooLarge:
      return Validation{Verdict::kCrashed, subject + "was killed for the memory it used"};
    case ProcessEnd::kExited:
    case ProcessEnd::kSignal:
      break;
  }
  if (const auto said = said_by_sanitizer(subject, process->standard_error)) {
    return *said;
  }
  if (const int signal = signal_of(*process); signal != 0) {
    return Validation{Verdict::kCrashed, fmt::format("{}was killed by signal {}", subject, signal)};
  }
  if (std::max(process->standard_output.size(), process->standard_error.size()) >
      kMaxOutputInBytes) {
    return Validation{Verdict::kWrongOutput,
                      fmt::format("{}prints more than {} bytes", subject, kMaxOutputInBytes)};
  }
  Behaviour behaviour{process->code, std::move(process->standard_output),
                      std::move(process->standard_error)};
  for (const std::string& name : command.outfile()) {
    Result<std::string> contents = read_output(setting.file(name), name);
    if (!contents) {
      const bool short_of_something =
          contents.error().error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED;
      return Validation{short_of_something ? Verdict::kNotChecked : Verdict::kWrongOutput,
                        subject + contents.error().error_message()};
    }
    behaviour.files.push_back(*std::move(contents));
  }
  if (const grpc::Status done = run_commands(config_.post_run_cmd(), setting, stop_token);
      !done.ok()) {
    return failure(Verdict::kWrongOutput, done);
  }
  return behaviour;
}

Validation ProgramValidator::compare(const Behaviour& before, const Behaviour& after) const {
  if (after == before) {
    return {Verdict::kValidated, ""};
  }
  std::string reason;
  if (after.standard_output != before.standard_output) {
    reason = "stdout " + first_difference(before.standard_output, after.standard_output);
  } else if (after.standard_error != before.standard_error) {
    reason = "stderr " + first_difference(before.standard_error, after.standard_error);
  } else if (after.exit_status != before.exit_status) {
    reason = fmt::format("exit status is {} instead of {}", after.exit_status, before.exit_status);
  } else {
    const auto [in_before, in_after] = std::ranges::mismatch(before.files, after.files);
    const auto index = static_cast<int>(in_before - before.files.begin());
    reason = "file '" + config_.run_cmd().outfile(index) + "' " +
             first_difference(*in_before, *in_after);
  }
  return {Verdict::kWrongOutput, std::move(reason)};
}

}  // namespace compiler_gym
