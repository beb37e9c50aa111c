#include "sessions/llvm/llvm_determinism.h"

#include <cstddef>
#include <string>

#include "sessions/llvm/actions/actions.h"
#include "sessions/llvm/figure_parameters.h"
#include "sessions/llvm/module_parameters.h"
#include "sessions/llvm/run/run_counts.h"
#include "sessions/llvm/validation_observation.h"

namespace compiler_gym {
namespace {

bool varies(const ActionSpace& space, const Event& action) {
  const LlvmActionSpace* const known = find_llvm_action_space(space.name());
  const auto index = static_cast<std::size_t>(action.int64_value());
  return known != nullptr && index < known->actions.size() &&
         !known->actions[index].is_deterministic;
}

ParameterEffect effect_of_parameter(const std::string& key) {
  if (is_module_parameter(key)) {
    return ParameterEffect::kState;
  }
  if (is_count_parameter(key) || ValidationObservation::is_parameter(key)) {
    return ParameterEffect::kSetting;
  }
  return is_figure_parameter(key) ? ParameterEffect::kReading : ParameterEffect::kUnknown;
}

}  // namespace

Determinism llvm_determinism() {
  return {.actions = true,
          .step_ends_only_check = true,
          .varies = varies,
          .parameter = effect_of_parameter};
}

}  // namespace compiler_gym
