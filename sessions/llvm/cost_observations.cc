#include "sessions/llvm/cost_observations.h"

namespace compiler_gym {

std::optional<CostObservation> as_cost(LlvmObservation observation) {
  switch (observation) {
    case LlvmObservation::kShippedTextSizeBytes:
      return CostObservation{Cost::kShippedTextSize, std::nullopt};
    case LlvmObservation::kShippedTextSizeO2:
      return CostObservation{Cost::kShippedTextSize, Baseline::kO2};
    case LlvmObservation::kShippedTextSizeOs:
      return CostObservation{Cost::kShippedTextSize, Baseline::kOs};
    case LlvmObservation::kShippedTextSizeOz:
      return CostObservation{Cost::kShippedTextSize, Baseline::kOz};
    default:
      break;
  }
  // CompilerGym's enumerators of costs come in fours: of the module, O0, O3, Oz.
  if (observation < LlvmObservation::kIrInstructionCount ||
      observation > LlvmObservation::kTextSizeOz) {
    return std::nullopt;
  }
  const int position =
      static_cast<int>(observation) - static_cast<int>(LlvmObservation::kIrInstructionCount);
  CostObservation result{static_cast<Cost>(position / 4), std::nullopt};
  if (position % 4 > 0) {
    result.baseline = static_cast<Baseline>(position % 4 - 1);
  }
  return result;
}

}  // namespace compiler_gym
