#include "sessions/llvm/benchmarks/loaded_benchmark.h"

#include <llvm/Config/llvm-config.h>
#include <llvm/Support/BLAKE3.h>

#include <array>
#include <cstddef>
#include <optional>
#include <utility>

#include "sessions/llvm/ir/clang_pipeline.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "sessions/llvm/ir/target_machines.h"
#include "sessions/llvm/run/benchmark_commands.h"

namespace compiler_gym {
namespace {

// The costs of upstream's baselines by baseline, then the shipped size's.
std::size_t slot_of(Baseline baseline, Cost cost) {
  constexpr std::size_t kCosts = 3;
  constexpr std::size_t kBaselines = 3;
  const auto row = static_cast<std::size_t>(baseline);
  return cost == Cost::kShippedTextSize ? kBaselines * kCosts + row
                                        : kCosts * row + static_cast<std::size_t>(cost);
}

ClangLevel clang_level(Baseline baseline) {
  switch (baseline) {
    case Baseline::kOz:
      return ClangLevel::kOz;
    case Baseline::kOs:
      return ClangLevel::kOs;
    default:
      return ClangLevel::kO2;
  }
}

// The module as clang of that level would have made it of the source, and what it then runs.
grpc::Status optimise_as_clang(llvm::Module& module, const TargetMachines::Lease& machine,
                               const std::string& metadata, Baseline baseline) {
  const ClangLevel level = clang_level(baseline);
  set_size_attributes(module, size_attributes_of(level));
  return run_clang_pipeline(module, machine.for_module(module), level, metadata);
}

// What a level makes of the benchmark; a crash on the way there is the benchmark's.
Result<IrModule> optimised(const LoadedBenchmark& benchmark, Baseline baseline, Cost cost,
                           const CostModel& model, const std::stop_token& stop_token) {
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
  const bool ships = cost == Cost::kShippedTextSize;
  TargetMachines::Lease machine =
      ships ? model.optimising_machines().borrow() : model.machines().borrow();
  const std::string doing = "running " + std::string(baseline_pipeline(baseline));
  const LlvmCall running = call_llvm(doing, stop_token, [&] {
    if (ships) {
      status = optimise_as_clang(**module, machine, benchmark.code_generation_metadata(), baseline);
      return;
    }
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
  constexpr std::array<std::string_view, 5> kNames{"O0", "O3", "Oz", "Os", "O2"};
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
    case Baseline::kOs:
      return "default<Os>";
    case Baseline::kO2:
      return "default<O2>";
  }
  return "";
}

LoadedBenchmark::LoadedBenchmark(LoadedProgram program, BenchmarkDynamicConfig dynamic_config)
    : bitcode_(std::move(program.bitcode)),
      first_module_(std::move(program.module)),
      code_generation_metadata_(std::move(program.code_generation_metadata)),
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
  const std::size_t index = slot_of(baseline, cost);
  // What a command has built may turn out otherwise another time; what LLVM does here does not.
  const bool builds = is_buildable(dynamic_config_) && cost != Cost::kIrInstructionCount &&
                      cost != Cost::kShippedTextSize;
  const auto failures =
      builds ? BaselineCosts::Failures::kForgotten : BaselineCosts::Failures::kKept;
  // That of the benchmark as it is takes no longer than any step.
  const StoredBaselines* const stored =
      builds || baseline == Baseline::kO0 ? nullptr : cost_model.stored_baselines();
  return baseline_costs_.get(index, failures, [&]() -> Result<std::int64_t> {
    if (stored == nullptr) {
      return compute_baseline(baseline, cost, cost_model, stop_token);
    }
    const StoredBaselines::Key key = stored_key(index);
    if (const std::optional<std::int64_t> known = stored->find(key); known.has_value()) {
      return *known;
    }
    Result<std::int64_t> value = compute_baseline(baseline, cost, cost_model, stop_token);
    if (value) {
      stored->store(key, *value);
    }
    return value;
  });
}

// Of the compiler's version, the program, and which number of it.
StoredBaselines::Key LoadedBenchmark::stored_key(std::size_t index) const {
  llvm::BLAKE3 hasher;
  for (const std::string& part : {std::string(LLVM_VERSION_STRING), std::to_string(index)}) {
    hasher.update(part + "\n");
  }
  for (const std::string* bytes : {&code_generation_metadata_, &bitcode_}) {
    hasher.update(std::to_string(bytes->size()) + "\n");
    hasher.update(*bytes);
  }
  return hasher.final();
}

Result<std::int64_t> LoadedBenchmark::compute_baseline(Baseline baseline, Cost cost,
                                                       const CostModel& cost_model,
                                                       const std::stop_token& stop_token) const {
  if (grpc::Status status = refuse_after_losses(); !status.ok()) {
    return status;
  }
  Result<IrModule> module = optimised(*this, baseline, cost, cost_model, stop_token);
  if (!module) {
    return as_fault_of_benchmark(module.error(), baseline, cost);
  }
  LlvmCall reading;
  const Result<std::int64_t> value =
      cost_model.compute(cost, **module, facts(), stop_token, &reading);
  if (reading.crashed()) {
    module->abandon();
    count_leaked_bytes(module_size_in_bytes());
    return as_fault_of_benchmark(value.error(), baseline, cost);
  }
  return value;
}

}  // namespace compiler_gym
