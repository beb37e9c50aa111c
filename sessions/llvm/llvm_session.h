// The LLVM plug-in: passes as actions, the module and what it compiles to as observations.
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sessions/compilation_session.h"
#include "sessions/llvm/actions/actions.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/observations/observation_spaces.h"
#include "sessions/llvm/run/run_counts.h"
#include "sessions/llvm/validation_observation.h"

namespace compiler_gym {

class BenchmarkRunner;
class OptimisedModule;

/// One benchmark under optimisation. See actions.h for what a client may do to it,
/// observation_spaces.h for what it may see, and OptimisedModule for what happens when LLVM
/// crashes.
///
/// Parameters, each per session and its default again in the next one (a fork has its parent's):
///   llvm.{get,set}_runtimes_per_observation_count             1   numbers in `Runtime`
///   llvm.{get,set}_warmup_runs_count_per_runtime_observation  0   runs before those that count
///   llvm.{get,set}_buildtimes_per_observation_count           1   numbers in `Buildtime`
///   llvm.{get,set}_min_runs_per_measurement                  10   runs in `RuntimeMeasurement`
///   llvm.{get,set}_min_milliseconds_per_measurement        1000   that these take together
///   llvm.{get,set}_validation_sanitizer                    none   what `Validation` builds with
/// those that change the module, see module_parameters.h, and, to read, of the process's caches:
/// llvm.bitcode_cache.get_hits and what else there is in
/// figure_parameters.h.
class LlvmSession final : public CompilationSession {
 public:
  explicit LlvmSession(LlvmServiceContext& serviceContext);
  ~LlvmSession() override;

  [[nodiscard]] std::string getCompilerVersion() const override;
  [[nodiscard]] std::vector<ActionSpace> getActionSpaces() const override;
  [[nodiscard]] std::vector<ObservationSpace> getObservationSpaces() const override;
  [[nodiscard]] Determinism determinism() const override;
  /// Unless LLVM has crashed, or the benchmark's program or its build has been run.
  [[nodiscard]] bool leavesNothingBehind() const override;

  [[nodiscard]] grpc::Status init(const ActionSpace& actionSpace,
                                  const Benchmark& benchmark) override;
  [[nodiscard]] grpc::Status init(const ActionSpace& actionSpace,
                                  std::shared_ptr<const Benchmark> benchmark) override;
  [[nodiscard]] grpc::Status init(CompilationSession* other) override;

  void onProcessForked() override;

  [[nodiscard]] grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                                         std::optional<ActionSpace>& newActionSpace,
                                         bool& actionHadNoEffect) override;
  [[nodiscard]] bool leftNoTrace() const override;
  [[nodiscard]] grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                                Event& observation) override;
  [[nodiscard]] grpc::Status endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                                       std::optional<ActionSpace>& newActionSpace) override;
  /// One that only asks for what is remembered.
  [[nodiscard]] bool isCheap(const StepRequest& request) const override;
  [[nodiscard]] bool isQuery(const std::string& key) const override;
  [[nodiscard]] grpc::Status handleSessionParameter(const std::string& key,
                                                    const std::string& value,
                                                    std::optional<std::string>& reply) override;

 private:
  /// An observation of the module as it is, in case it is asked for again.
  struct Remembered {
    LlvmObservation observation;
    Event event;
    grpc::Status status;  // not OK: LLVM can't compute it, and might leak if it tried again
  };

  [[nodiscard]] const Remembered* recall(LlvmObservation observation) const;
  void remember(LlvmObservation observation, const Event& event, const grpc::Status& status);

  [[nodiscard]] grpc::Status compute(LlvmObservation observation, Event& event);
  [[nodiscard]] grpc::Status compute_cost(LlvmObservation observation, Event& event);
  [[nodiscard]] grpc::Status compute_runtime(Event& event);
  [[nodiscard]] grpc::Status compute_buildtime(Event& event);
  [[nodiscard]] grpc::Status compute_measurement(Event& event);
  [[nodiscard]] grpc::Status compute_validation(Event& event);
  /// Unless it has been, as it is.
  [[nodiscard]] grpc::Status build_program_once();
  [[nodiscard]] grpc::Status write_bitcode_file(Event& event);
  [[nodiscard]] Result<std::vector<std::chrono::nanoseconds>> build(int count);
  [[nodiscard]] Result<std::string> bitcode(UseListOrder order = UseListOrder::kLost);
  [[nodiscard]] const BenchmarkDynamicConfig& dynamic_config() const;

  LlvmServiceContext& context_;
  const LlvmActionSpace* action_space_ = nullptr;
  std::string benchmark_uri_;
  std::unique_ptr<OptimisedModule> module_;  // after init()
  std::unique_ptr<BenchmarkRunner> runner_;  // after the first build
  std::optional<std::size_t> built_generation_;
  std::vector<Remembered> remembered_;
  std::size_t remembered_generation_ = 0;
  RunCounts counts_;
  ValidationObservation validation_;
};

}  // namespace compiler_gym
