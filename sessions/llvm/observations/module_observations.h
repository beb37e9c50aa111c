// The observations that a module alone makes.
#pragma once

#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/observations/observation_spaces.h"

namespace llvm {
class Module;
}

namespace compiler_gym {

/// Ir, IrSha1, Bitcode, InstCount, Autophase, Programl, ProgramlJson, LexedIr.
[[nodiscard]] bool is_module_observation(LlvmObservation observation);

/// Makes `event` the observation, which must be one of these, of a module that is in order.
void fill_module_observation(LlvmObservation observation, const llvm::Module& module, Event& event);

}  // namespace compiler_gym
