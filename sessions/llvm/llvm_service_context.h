// What the sessions of the LLVM service share.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include "context/compiler_gym_service_context.h"
#include "context/service_context_options.h"
#include "sessions/llvm/benchmarks/benchmark_loader.h"
#include "sessions/llvm/benchmarks/bitcode_cache.h"
#include "sessions/llvm/benchmarks/spare_modules.h"
#include "sessions/llvm/costs/cost_model.h"
#include "sessions/llvm/costs/stored_baselines.h"
#include "sessions/llvm/ir/target_machines.h"
#include "sessions/llvm/measurement_observation.h"
#include "sessions/llvm/observations/observation_spaces.h"
#include "sessions/llvm/run/clang_path.h"

namespace compiler_gym {

/// The benchmarks' bitcode with their baselines, spare modules of those in demand, the target
/// machines, and where to find clang.
/// Threads: after init(), every member may be called from any thread; none uses the strand.
///
/// Inline:   LLVM works on clients' programs in this very process. Its crashes are survived, each at
///           the price of what it leaks, up to a limit (refuse_after_losses()); a pass or a code
///           generator that does not end keeps its thread for ever, as no time limit can stop it.
///
/// Isolation: what sessions share is computed, never changed, so that each may have its own copy.
class LlvmServiceContext : public CompilerGymServiceContext {
 public:
  static constexpr Isolation kIsolation = Isolation::kDefault;
  static constexpr bool kRunsCommands = true;

  /// Tells a program in a file from what was there before; empty if it is in the message.
  [[nodiscard]] static std::string programStamp(const Benchmark& benchmark);

  explicit LlvmServiceContext(boost::filesystem::path workingDirectory,
                              ServiceContextOptions options = {},
                              SpareModulesOptions spare_modules = {});
  ~LlvmServiceContext() override;

  /// Sets up LLVM's targets and the recovery from crashes, which are of the process.
  [[nodiscard]] grpc::Status init() override;

  /// Generates code once: much of LLVM is initialised by its first use.
  [[nodiscard]] grpc::Status warmUp() override;

  [[nodiscard]] BitcodeCache& bitcode_cache() { return bitcode_cache_; }
  [[nodiscard]] const BitcodeCache& bitcode_cache() const { return bitcode_cache_; }
  [[nodiscard]] SpareModules& spare_modules() { return spare_modules_; }
  [[nodiscard]] const SpareModules& spare_modules() const { return spare_modules_; }
  [[nodiscard]] TargetMachines& target_machines() { return *target_machines_; }
  [[nodiscard]] const CostModel& cost_model() const { return *cost_model_; }
  [[nodiscard]] ClangPath& clang() { return clang_; }
  /// See ServiceContextOptions; may be null.
  [[nodiscard]] const CommandHost* command_host() const { return command_host_.get(); }
  /// Where programs are measured: where the options say, else on the last one that there is.
  [[nodiscard]] const MeasurementProcessor& measurement_processor() const {
    return measurement_processor_;
  }
  /// Which observation spaces are offered.
  [[nodiscard]] ObservationList observation_list() const { return observation_list_; }

  /// The observation `CpuInfo`, read from the machine when it is first asked for.
  [[nodiscard]] const std::string& cpu_info_json();

 private:
  [[nodiscard]] Result<std::shared_ptr<const LoadedBenchmark>> load(const Benchmark& benchmark,
                                                                    std::string_view program) const;

  const std::shared_ptr<const CommandHost> command_host_;
  ClangPath clang_;
  std::unique_ptr<TargetMachines> target_machines_;
  std::unique_ptr<TargetMachines> optimising_machines_;
  std::unique_ptr<CostModel> cost_model_;
  std::once_flag cpu_info_read_;
  std::string cpu_info_json_;
  const StoredBaselines stored_baselines_;
  Logger* const logger_;
  const LoadOptions load_options_;
  const ObservationList observation_list_;
  const MeasurementProcessor measurement_processor_;
  BitcodeCache bitcode_cache_;
  SpareModules spare_modules_;
};

}  // namespace compiler_gym
