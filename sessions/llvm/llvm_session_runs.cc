// What a session builds and runs: its program, by the benchmark's own commands.
#include <algorithm>
#include <chrono>
#include <utility>

#include "sessions/llvm/actions/optimised_module.h"
#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/llvm_session.h"
#include "sessions/llvm/measurement_observation.h"
#include "sessions/llvm/observations/json_event.h"
#include "sessions/llvm/run/benchmark_commands.h"
#include "sessions/llvm/run/benchmark_runner.h"

namespace compiler_gym {
namespace {

void fill_seconds(const std::vector<std::chrono::nanoseconds>& times, Event& event) {
  DoubleTensor& tensor = *event.mutable_double_tensor();
  tensor.add_shape(times.size());
  for (const std::chrono::nanoseconds time : times) {
    tensor.add_value(std::chrono::duration<double>(time).count());
  }
}

}  // namespace

grpc::Status LlvmSession::compute_buildtime(Event& event) {
  if (!is_buildable(dynamic_config())) {
    return grpc::Status::OK;  // no value: does not apply
  }
  const auto times = build(counts_.buildtimes);
  if (!times) {
    return times.error();
  }
  fill_seconds(*times, event);
  return grpc::Status::OK;
}

grpc::Status LlvmSession::compute_validation(Event& event) {
  const Result<std::string> bytes = bitcode();
  if (!bytes) {
    return bytes.error();
  }
  return validation_.compute(module_->benchmark(), benchmark_uri_, *bytes, context_, stopToken(),
                             event);
}

grpc::Status LlvmSession::compute_runtime(Event& event) {
  if (!is_runnable(dynamic_config())) {
    return grpc::Status::OK;  // no value: does not apply
  }
  if (grpc::Status status = build_program_once(); !status.ok()) {
    return status;
  }
  const auto times = runner_->run(counts_.warmups, counts_.runtimes, stopToken());
  if (!times) {
    return times.error();
  }
  fill_seconds(*times, event);
  return grpc::Status::OK;
}

grpc::Status LlvmSession::compute_measurement(Event& event) {
  if (!is_runnable(dynamic_config())) {
    return invalid_argument("Benchmark \"" + benchmark_uri_ +
                            "\" can't be measured: it has no commands to build and to run it");
  }
  if (grpc::Status status = build_program_once(); !status.ok()) {
    return status;
  }
  const MeasurementEffort effort{.warmups = std::max(counts_.warmups, 1),
                                 .min_runs = counts_.measured_runs,
                                 .min_time = std::chrono::milliseconds(counts_.measured_ms)};
  const MeasurementProcessor& processor = context_.measurement_processor();
  const auto runs = runner_->measure(effort, processor.number, stopToken());
  if (!runs) {
    return runs.error();
  }
  fill_json(measurement_json(*runs, effort.warmups, processor), event);
  return grpc::Status::OK;
}

grpc::Status LlvmSession::build_program_once() {
  if (built_generation_ != module_->generation() || !runner_->has_directory()) {
    if (const auto built = build(1); !built) {
      return built.error();
    }
  }
  return grpc::Status::OK;
}

Result<std::vector<std::chrono::nanoseconds>> LlvmSession::build(int count) {
  const Result<std::string> bytes = bitcode();
  if (!bytes) {
    return bytes.error();
  }
  if (runner_ == nullptr) {
    runner_ = std::make_unique<BenchmarkRunner>(
        dynamic_config(), context_.clang(), context_.scratchDirectory(), context_.command_host());
  }
  built_generation_.reset();
  auto times = runner_->build(*bytes, count, stopToken());
  if (times) {
    built_generation_ = module_->generation();
  }
  return times;
}

}  // namespace compiler_gym
