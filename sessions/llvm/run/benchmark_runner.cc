#include "sessions/llvm/run/benchmark_runner.h"

#include <boost/filesystem/operations.hpp>
#include <utility>

#include "sessions/llvm/run/clang_path.h"

namespace compiler_gym {

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

Result<std::vector<std::chrono::nanoseconds>> BenchmarkRunner::run(
    int warmups, int count, const std::stop_token& stop_token) {
  const Result<CommandSetting> where = setting();
  if (!where) {
    return where.error();
  }
  if (grpc::Status status = run_commands(config_.pre_run_cmd(), *where, stop_token); !status.ok()) {
    return status;
  }
  std::vector<std::chrono::nanoseconds> times;
  for (int i = -warmups; i < count; ++i) {
    const auto ran = run_command(config_.run_cmd(), *where, stop_token);
    if (!ran) {
      return ran.error();
    }
    if (i >= 0) {
      times.push_back(*ran);
    }
  }
  if (grpc::Status status = run_commands(config_.post_run_cmd(), *where, stop_token);
      !status.ok()) {
    return status;
  }
  return times;
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
