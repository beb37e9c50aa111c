#include "sessions/llvm/run/benchmark_runner.h"

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <iterator>
#include <utility>

#include "core/posix/machine_lock.h"
#include "sessions/llvm/run/clang_path.h"

namespace compiler_gym {
namespace {

// Of whatever service of whatever user, so that no two programs are measured beside each other.
constexpr auto* kMeasurementLock = "/tmp/compiler_gym-measurement.lock";

}  // namespace

BenchmarkRunner::BenchmarkRunner(const BenchmarkDynamicConfig& config, ClangPath& clang,
                                 boost::filesystem::path scratch_parent,
                                 const CommandHost* command_host)
    : config_(config),
      clang_(clang),
      scratch_parent_(std::move(scratch_parent)),
      command_host_(command_host) {}

Result<std::vector<std::chrono::nanoseconds>> BenchmarkRunner::build(
    const std::string& bitcode, int count, const std::stop_token& stop_token) {
  const Result<CommandSetting> where = setting();
  if (!where) {
    return where.error();
  }
  std::vector<std::chrono::nanoseconds> times;
  for (int i = 0; i < count; ++i) {
    const auto built = build_program(config_.build_cmd(), bitcode, *where, stop_token);
    if (!built) {
      return built.error();
    }
    times.push_back(*built);
  }
  return times;
}

template <typename IsWanted>
Result<std::vector<MeasuredRun>> BenchmarkRunner::run_while(IsWanted is_wanted, int warmups,
                                                            const CommandSetting& where,
                                                            const std::stop_token& stop_token) {
  if (grpc::Status status = run_commands(config_.pre_run_cmd(), where, stop_token); !status.ok()) {
    return status;
  }
  std::vector<MeasuredRun> runs;
  std::chrono::nanoseconds time{};
  for (int i = -warmups; i < 0 || is_wanted(runs.size(), time); ++i) {
    const Result<ProcessResult> ran = run_to_success(config_.run_cmd(), where, stop_token);
    if (!ran) {
      return ran.error();
    }
    if (i >= 0) {
      runs.push_back(
          {.elapsed = ran->elapsed, .processor_time = ran->processor_time, .events = ran->events});
      time += ran->elapsed;
    }
  }
  if (grpc::Status status = run_commands(config_.post_run_cmd(), where, stop_token); !status.ok()) {
    return status;
  }
  return runs;
}

Result<std::vector<std::chrono::nanoseconds>> BenchmarkRunner::run(
    int warmups, int count, const std::stop_token& stop_token) {
  const Result<CommandSetting> where = setting();
  if (!where) {
    return where.error();
  }
  const auto is_wanted = [count](std::size_t runs, std::chrono::nanoseconds /*time*/) {
    return runs < static_cast<std::size_t>(count);
  };
  const auto runs = run_while(is_wanted, warmups, *where, stop_token);
  if (!runs) {
    return runs.error();
  }
  std::vector<std::chrono::nanoseconds> times;
  std::ranges::transform(*runs, std::back_inserter(times), &MeasuredRun::elapsed);
  return times;
}

Result<std::vector<MeasuredRun>> BenchmarkRunner::measure(const MeasurementEffort& effort,
                                                          int processor,
                                                          const std::stop_token& stop_token) {
  Result<CommandSetting> where = setting();
  if (!where) {
    return where.error();
  }
  where->processor = processor;
  where->counts_events = true;
  const Result<MachineLock> lock = MachineLock::acquire(kMeasurementLock, stop_token);
  if (!lock) {
    return lock.error();
  }
  const auto is_wanted = [&effort](std::size_t runs, std::chrono::nanoseconds time) {
    return !effort.is_enough(runs, time);
  };
  return run_while(is_wanted, effort.warmups, *where, stop_token);
}

bool BenchmarkRunner::has_directory() const {
  boost::system::error_code unknown;
  return directory_.has_value() && boost::filesystem::exists(directory_->path(), unknown);
}

Result<CommandSetting> BenchmarkRunner::setting() {
  const Result<std::string> clang = clang_.get();
  if (!clang) {
    return clang.error();
  }
  if (!has_directory()) {
    Result<ScratchDirectory> made = ScratchDirectory::create(scratch_parent_);
    if (!made) {
      return made.error();
    }
    directory_.emplace(*std::move(made));
  }
  return CommandSetting{
      .directory = directory_->path(), .clang = *clang, .command_host = command_host_};
}

}  // namespace compiler_gym
