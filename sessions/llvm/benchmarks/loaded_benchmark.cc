#include "sessions/llvm/benchmarks/loaded_benchmark.h"

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "sessions/llvm/ir/target_machines.h"
#include "sessions/llvm/run/benchmark_commands.h"

namespace compiler_gym {
namespace {

// What a level makes of the benchmark; a crash on the way there is the benchmark's.
Result<IrModule> optimised(const LoadedBenchmark& benchmark, Baseline baseline,
                           TargetMachines& machines, const std::stop_token& stop_token) {
  std::optional<IrModule> module;
  grpc::Status status;
  const LlvmCall parsing = call_llvm("parsing the benchmark", stop_token, [&] {
    Result<IrModule> parsed = parse_program(benchmark.bitcode());
    if (parsed) {
      module.emplace(std::move(*parsed));
    } else {
      status = parsed.error();
    }
  });
  if (!parsing.returned()) {
    return parsing.status();
  }
  if (!status.ok() || baseline == Baseline::kO0) {
    return status.ok() ? Result<IrModule>(*std::move(module)) : status;
  }
  TargetMachines::Lease machine = machines.borrow();
  const std::string doing = "running " + std::string(baseline_pipeline(baseline));
  const LlvmCall running = call_llvm(doing, stop_token, [&] {
    const auto changes = machine.pass_runner(**module).run(**module, baseline_pipeline(baseline));
    status = changes ? grpc::Status::OK : changes.error();
  });
  if (running.crashed()) {
    machine.abandon();
    module->abandon();
    count_leaked_bytes(benchmark.module_size_in_bytes());  // parsed before this call
  }
  if (!running.returned()) {
    return running.status();
  }
  return status.ok() ? Result<IrModule>(*std::move(module)) : status;
}

// As the benchmark's fault, under the text that clients look for where there is one.
grpc::Status as_fault_of_benchmark(const grpc::Status& status, Baseline baseline, Cost cost) {
  if (status.error_code() != grpc::StatusCode::DATA_LOSS) {
    return status;
  }
  constexpr std::array<std::string_view, 3> kNames{"O0", "O3", "Oz"};
  const std::string reason = "the benchmark's baseline " +
                             std::string(kNames[static_cast<std::size_t>(baseline)]) + ": " +
                             status.error_message();
  return invalid_argument(cost == Cost::kIrInstructionCount
                              ? "Failed to compute " + reason
                              : "Failed to compute .text size cost: " + reason);
}

}  // namespace

std::string_view baseline_pipeline(Baseline baseline) {
  switch (baseline) {
    case Baseline::kO0:
      return "no-op-module";
    case Baseline::kO3:
      return "default<O3>";
    case Baseline::kOz:
      return "default<Oz>";
  }
  return "";
}

LoadedBenchmark::LoadedBenchmark(LoadedProgram program, BenchmarkDynamicConfig dynamic_config)
    : bitcode_(std::move(program.bitcode)),
      first_module_(std::move(program.module)),
      dynamic_config_(std::move(dynamic_config)) {}

Result<IrModule> LoadedBenchmark::make_module() const {
  std::optional<IrModule> first;
  {
    const std::lock_guard lock(first_module_mutex_);
    first.swap(first_module_);
  }
  if (first.has_value()) {
    return *std::move(first);
  }
  Result<IrModule> module = internal_error("");
  const LlvmCall call = call_llvm("parsing the benchmark", std::stop_token(),
                                  [&] { module = parse_program(bitcode_); });
  return call.returned() ? std::move(module) : call.status();
}

Result<std::int64_t> LoadedBenchmark::baseline_cost(Baseline baseline, Cost cost,
                                                    const CostModel& cost_model,
                                                    const std::stop_token& stop_token) const {
  const std::size_t index = 3 * static_cast<std::size_t>(baseline) + static_cast<std::size_t>(cost);
  // What a command has built may turn out otherwise another time; what LLVM does here does not.
  const bool builds = is_buildable(dynamic_config_) && cost != Cost::kIrInstructionCount;
  const auto failures =
      builds ? BaselineCosts::Failures::kForgotten : BaselineCosts::Failures::kKept;
  return baseline_costs_.get(index, failures, [&]() -> Result<std::int64_t> {
    if (grpc::Status status = refuse_after_losses(); !status.ok()) {
      return status;
    }
    Result<IrModule> module = optimised(*this, baseline, cost_model.machines(), stop_token);
    if (!module) {
      return as_fault_of_benchmark(module.error(), baseline, cost);
    }
    LlvmCall reading;
    const Result<std::int64_t> value =
        cost_model.compute(cost, **module, dynamic_config_, stop_token, &reading);
    if (reading.crashed()) {
      module->abandon();
      count_leaked_bytes(module_size_in_bytes());
      return as_fault_of_benchmark(value.error(), baseline, cost);
    }
    return value;
  });
}

}  // namespace compiler_gym
