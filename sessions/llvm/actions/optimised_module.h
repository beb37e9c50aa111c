// A benchmark's module and what has been done to it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <vector>

#include "core/support/status.h"
#include "sessions/llvm/actions/actions.h"
#include "sessions/llvm/actions/idle_actions.h"
#include "sessions/llvm/ir/clang_pipeline.h"
#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/ir/llvm_call.h"
#include "sessions/llvm/ir/pipeline.h"
#include "sessions/llvm/ir/size_attributes.h"
#include "sessions/llvm/ir/structural_hash.h"
#include "sessions/llvm/ir/target_machines.h"

namespace compiler_gym {

class LoadedBenchmark;
class SpareModules;

/// The module of one session: starts as a benchmark, and changes by pipelines.
///
/// Broken:   once a pass has crashed or made a module that breaks the rules of the IR, every call
///           answers with the same DATA_LOSS. A crashed module is not destroyed but leaked.
/// Fork:     by doing to a new module what was done to this one. To write the module out and read
///           it in again would be quicker, but it changes what is not part of the IR, the order of
///           uses and how names are made unique, and so in half of all cases the result of later
///           passes.
/// Traces:   what is hidden in the module before and after a pipeline that says it has changed nothing is
///           compared when the pipeline is run a second time in one state, or always if that is wanted.
/// Changes:  of what a pass on functions says it has changed, only that is verified; of what others
///           have, the whole module, once for all actions since the last time. A pipeline that has
///           twice in a row been seen to touch nothing in this very state is not run a third time.
/// Threads:  one at a time. Different modules are independent of each other.
/// Lifetime: refers to the target machines and the spare modules.
class OptimisedModule {
 public:
  /// Takes the benchmark's module, and those of forks, from `spares`; parses it if that is null.
  /// Errors: INTERNAL if the benchmark's bitcode, which once could be read, can't be;
  ///         RESOURCE_EXHAUSTED if there is no memory for it.
  [[nodiscard]] static Result<OptimisedModule> start(
      std::shared_ptr<const LoadedBenchmark> benchmark, TargetMachines& machines,
      SpareModules* spares = nullptr);

  /// A module in the same state. Errors: CANCELLED at a stop request; whatever this one is broken
  /// by.
  [[nodiscard]] Result<OptimisedModule> fork(const std::stop_token& stop_token) const;

  /// Runs a pipeline. Returns whether it changed the module. The text must outlive this object.
  [[nodiscard]] Result<bool> apply(std::string_view pipeline, ChangeDetection change_detection);

  /// The same for a pipeline that a client has written. Errors also: INVALID_ARGUMENT if it is none, or
  /// see check_pipeline_text(); the module is as it was then.
  [[nodiscard]] Result<bool> apply_text(std::string pipeline);
  /// The passes of that level of clang, which know of the module flags of the benchmark.
  [[nodiscard]] Result<bool> apply_clang_level(ClangLevel level);
  [[nodiscard]] Result<bool> apply_size_attributes(SizeAttributes attributes);

  /// Whether to look closely at each pipeline from now on.
  void look_for_traces(bool look) { looks_for_traces_ = look; }
  /// Whether the last apply() is known to have touched nothing at all.
  [[nodiscard]] bool left_no_trace() const { return left_no_trace_; }

  /// OK unless broken. Verifies what has changed since the last time.
  [[nodiscard]] grpc::Status check();

  /// Whether nothing has broken it so far.
  [[nodiscard]] bool is_sound() const { return broken_.ok(); }

  /// Whether check() would say what it has to say at once.
  [[nodiscard]] bool is_checked() const { return !broken_.ok() || to_verify_ == Verify::kNothing; }

  /// Calls `function(const llvm::Module&)` on the module, checked, and survives its crash.
  template <typename Function>
  [[nodiscard]] grpc::Status read(Function&& function) {
    if (grpc::Status status = check(); !status.ok()) {
      return status;
    }
    return survive("computing an observation", [&] { function(std::as_const(**module_)); });
  }

  /// Counts the changes.
  [[nodiscard]] std::size_t generation() const { return generation_; }

  [[nodiscard]] const LoadedBenchmark& benchmark() const { return *benchmark_; }

 private:
  OptimisedModule(std::shared_ptr<const LoadedBenchmark> benchmark, TargetMachines& machines,
                  SpareModules* spares, IrModule module);

  /// What has changed since the last check().
  enum class Verify { kNothing, kFunctions, kModule };

  enum class Effect {
    kChange,
    kNoChange,  ///< or so the passes say
    kNothing,   ///< nothing at all has been touched
  };

  /// Something done to the module.
  struct Change {
    enum class Kind : std::uint8_t { kPipeline, kClangLevel, kSizeAttributes };

    Kind kind = Kind::kPipeline;
    ClangLevel level{};
    SizeAttributes attributes{};
    /// What it is called; the pipeline, of those.
    std::string_view name{};
    /// What `name` refers to, unless that is static.
    std::shared_ptr<const std::string> owned_name{};
  };

  /// What is no action: done, and noted.
  [[nodiscard]] Result<bool> apply_change(Change change);
  [[nodiscard]] Result<Effect> run(const Change& change, ChangeDetection change_detection);
  [[nodiscard]] Result<PassChanges> make_and_compare(const Change& change,
                                                     TargetMachines::Lease& machine,
                                                     ChangeDetection change_detection);
  [[nodiscard]] Result<PassChanges> make(const Change& change, TargetMachines::Lease& machine);
  [[nodiscard]] std::optional<std::uint64_t> hidden();
  void note_changes(PassChanges changes);
  [[nodiscard]] grpc::Status verify_changes();
  [[nodiscard]] grpc::Status become_broken(grpc::Status reason);

  template <typename Function>
  grpc::Status survive(std::string_view what, Function&& function) {
    const LlvmCall call = call_llvm(what, std::stop_token(), function);
    return call.crashed() ? crashed(call) : grpc::Status::OK;
  }
  grpc::Status crashed(const LlvmCall& call);

  std::shared_ptr<const LoadedBenchmark> benchmark_;
  TargetMachines* machines_;
  SpareModules* spares_;
  std::optional<IrModule> module_;  // none after a crash
  std::vector<Change> applied_;
  std::size_t generation_ = 0;
  IdleActions idle_;
  bool looks_for_traces_ = false;
  bool left_no_trace_ = false;
  std::optional<std::uint64_t> hidden_;  // hidden_state(), if nothing has run since it was computed
  std::optional<std::uint64_t> hash_;    // of the module as it is, if somebody wanted to know
  Verify to_verify_ = Verify::kNothing;
  std::vector<llvm::Function*> functions_to_verify_;  // may be there twice
  std::size_t verified_size_ = 0;                     // global values at the last check
  grpc::Status broken_;
};

}  // namespace compiler_gym
