// The observations that are costs.
#pragma once

#include <optional>

#include "sessions/llvm/benchmarks/loaded_benchmark.h"
#include "sessions/llvm/costs/cost_model.h"
#include "sessions/llvm/observations/observation_spaces.h"

namespace compiler_gym {

struct CostObservation {
  Cost cost;
  std::optional<Baseline> baseline;  ///< none: of the module as it is
};

/// None if the observation is not a cost.
[[nodiscard]] std::optional<CostObservation> as_cost(LlvmObservation observation);

}  // namespace compiler_gym
