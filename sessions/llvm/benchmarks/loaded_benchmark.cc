#include "sessions/llvm/benchmarks/loaded_benchmark.h"

#include <cstddef>
#include <optional>
#include <utility>

#include "sessions/llvm/ir/crash_recovery.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/ir/target_machines.h"

namespace compiler_gym {
namespace {

Result<IrModule> optimised(const std::string& bitcode, Baseline baseline,
                           TargetMachines& machines) {
  Result<IrModule> module = parse_program(bitcode);
  if (!module || baseline == Baseline::kO0) {
    return module;
  }
  TargetMachines::Lease machine = machines.borrow();
  grpc::Status status;
  const std::optional<std::string> crash = run_recovering([&] {
    const Result<bool> changed =
        run_pipeline(**module, machine.for_module(**module), baseline_pipeline(baseline));
    status = changed ? grpc::Status::OK : changed.error();
  });
  if (crash.has_value()) {
    machine.abandon();
    module->abandon();
    return internal_error("The optimiser crashed on the benchmark's baseline " +
                          std::string(baseline_pipeline(baseline)) + ": " + *crash);
  }
  if (!status.ok()) {
    return status;
  }
  return module;
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
  return first.has_value() ? *std::move(first) : parse_program(bitcode_);
}

Result<std::int64_t> LoadedBenchmark::baseline_cost(Baseline baseline, Cost cost,
                                                    const CostModel& cost_model,
                                                    const std::stop_token& stop_token) const {
  const std::size_t index = 3 * static_cast<std::size_t>(baseline) + static_cast<std::size_t>(cost);
  return baseline_costs_.get(index, [&]() -> Result<std::int64_t> {
    const Result<IrModule> module = optimised(bitcode_, baseline, cost_model.machines());
    if (!module) {
      return module.error();
    }
    return cost_model.compute(cost, **module, dynamic_config_, stop_token);
  });
}

}  // namespace compiler_gym
