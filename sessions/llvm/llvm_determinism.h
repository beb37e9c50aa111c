// What of LLVM's results can be remembered.
#pragma once

#include "sessions/determinism.h"

namespace compiler_gym {

/// All actions but those that say otherwise (LlvmAction::is_deterministic). A module is only verified
/// at a step's end.
[[nodiscard]] Determinism llvm_determinism();

}  // namespace compiler_gym
