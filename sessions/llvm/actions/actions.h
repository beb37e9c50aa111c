// The action spaces of the LLVM service: what a client may do to a module, by number.
#pragma once

#include <span>
#include <string_view>

namespace compiler_gym {

/// How to learn whether a pipeline changed the module.
enum class ChangeDetection {
  /// From what the pass manager answers: nothing has changed if all analyses are preserved.
  kPassManager,
  /// By comparing hashes: a pass of this pipeline changes modules and says it did not.
  kHash,
};

/// One action.
struct LlvmAction {
  /// What clients call it. Unique in its space, and without white space: clients join and split
  /// command lines with it.
  std::string_view flag;
  /// What runs: a pipeline in the syntax of `opt -passes=`.
  std::string_view pipeline;
  ChangeDetection change_detection = ChangeDetection::kPassManager;
  /// Does the same each time, in the same state.
  bool is_deterministic = true;
};

/// A list of actions; a client names one by its position, so the order is part of the interface.
struct LlvmActionSpace {
  std::string_view name;
  std::span<const LlvmAction> actions;
};

/// The spaces in the order in which the service lists them:
///   PassesAll  CompilerGym's 124 actions, in its order and under its names: LLVM 10's flags
///   NewPM      more of LLVM 19's passes, some with parameters, as `opt -passes=` calls them
///   Pipelines  whole optimisation levels
[[nodiscard]] std::span<const LlvmActionSpace> llvm_action_spaces();

/// Null if there is no space of that name.
[[nodiscard]] const LlvmActionSpace* find_llvm_action_space(std::string_view name);

[[nodiscard]] std::span<const LlvmAction> passes_all_actions();
[[nodiscard]] std::span<const LlvmAction> new_pm_actions();
[[nodiscard]] std::span<const LlvmAction> pipeline_actions();

}  // namespace compiler_gym
