// A benchmark as the sessions on it share it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/benchmarks/benchmark_loader.h"
#include "sessions/llvm/costs/baseline_costs.h"
#include "sessions/llvm/costs/cost_model.h"
#include "sessions/llvm/costs/stored_baselines.h"
#include "sessions/llvm/ir/ir_module.h"

namespace compiler_gym {

/// The compiler's own optimisation levels, which clients measure themselves against.
enum class Baseline { kO0, kO3, kOz, kOs, kO2 };

/// The pipeline of a level, as `opt` has it, for run_pipeline().
[[nodiscard]] std::string_view baseline_pipeline(Baseline baseline);

/// A benchmark's bitcode, ready for sessions to parse, how it is built and run, and its baselines.
/// Threads: every member may be called from any thread.
class LoadedBenchmark {
 public:
  LoadedBenchmark(LoadedProgram program, BenchmarkDynamicConfig dynamic_config);
  LoadedBenchmark(const LoadedBenchmark&) = delete;
  LoadedBenchmark& operator=(const LoadedBenchmark&) = delete;

  [[nodiscard]] const std::string& bitcode() const { return bitcode_; }
  [[nodiscard]] const BenchmarkDynamicConfig& dynamic_config() const { return dynamic_config_; }
  [[nodiscard]] const std::string& code_generation_metadata() const {
    return code_generation_metadata_;
  }
  /// Valid as long as this object.
  [[nodiscard]] ProgramFacts facts() const { return {dynamic_config_, code_generation_metadata_}; }

  /// What a session's module takes in memory, estimated from the bitcode's size: `./dev bench llvm`
  /// measures it.
  [[nodiscard]] std::size_t module_size_in_bytes() const {
    return std::size_t{64} * 1024 + 20 * bitcode_.size();
  }

  /// The module that a session starts from, in a context of its own: the one that loading has left,
  /// if it is still here; else parsed. Errors: those of parse_program().
  [[nodiscard]] Result<IrModule> make_module() const;

  /// What the benchmark costs at a level; there is none of Os and O2 but of the shipped size, and that at O0 is of
  /// the benchmark as it is. Computed when first asked for, by one caller, while those
  /// who ask for the same wait, in processes forked from this one too. That LLVM can't do it is
  /// remembered like a number: to find out again might leak once more. A number that takes passes is kept over
  /// restarts too, if the model has somewhere to keep it; not what a build command has made.
  /// Errors: those of CostModel::compute(), and INVALID_ARGUMENT if LLVM crashes on this benchmark;
  ///         RESOURCE_EXHAUSTED, which is not remembered, if that is for want of memory.
  [[nodiscard]] Result<std::int64_t> baseline_cost(Baseline baseline, Cost cost,
                                                   const CostModel& cost_model,
                                                   const std::stop_token& stop_token) const;

 private:
  [[nodiscard]] Result<std::int64_t> compute_baseline(Baseline baseline, Cost cost,
                                                      const CostModel& cost_model,
                                                      const std::stop_token& stop_token) const;
  [[nodiscard]] StoredBaselines::Key stored_key(std::size_t index) const;

  const std::string bitcode_;
  mutable std::mutex first_module_mutex_;
  mutable std::optional<IrModule> first_module_;
  const std::string code_generation_metadata_;
  const BenchmarkDynamicConfig dynamic_config_;
  mutable BaselineCosts baseline_costs_;  // by baseline, by cost
};

}  // namespace compiler_gym
