// What a client may ask to see of a module.
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// CompilerGym's 26 observation spaces, in its order, and those that it does not have.
enum class LlvmObservation {
  kIr,                    ///< the module as text
  kIrSha1,                ///< SHA-1 of the bitcode, 40 hexadecimal digits
  kBitcode,               ///< the module's bitcode
  kBitcodeFile,           ///< a file with the same; whoever asks has to delete it
  kInstCount,             ///< see module_features.h
  kAutophase,             ///< see module_features.h
  kPrograml,              ///< see programl.h
  kProgramlJson,          ///< the same, for clients that want the JSON
  kCpuInfo,               ///< see cpu_info.h
  kIrInstructionCount,    ///< here and below: O0, O3, Oz are of the benchmark, optimised by LLVM
  kIrInstructionCountO0,  //
  kIrInstructionCountO3,  //
  kIrInstructionCountOz,  //
  kObjectTextSizeBytes,   ///< see cost_model.h
  kObjectTextSizeO0,      //
  kObjectTextSizeO3,      //
  kObjectTextSizeOz,      //
  kTextSizeBytes,         ///< see cost_model.h
  kTextSizeO0,            //
  kTextSizeO3,            //
  kTextSizeOz,            //
  kIsBuildable,           ///< whether the benchmark says how it is built
  kIsRunnable,            ///< whether it also says how it is run
  kRuntime,               ///< seconds of each of a number of runs; none if not runnable
  kBuildtime,             ///< seconds of each of a number of builds; none if not buildable
  kLexedIr,               ///< see lexed_ir.h
  kShippedTextSizeBytes,  ///< see cost_model.h; here and below: O2, Os, Oz are what clang makes of it
  kShippedTextSizeO2,     //
  kShippedTextSizeOs,     //
  kShippedTextSizeOz,     //
  kValidation,            ///< whether it does what the benchmark does; see validation_observation.h
  kRuntimeMeasurement,    ///< how long it runs, and how sure that is; see measurement_observation.h
};

enum class ObservationList {
  kCompilerGym,  ///< the 26, and no other
  kAll,
};

/// One message per space, in the order of the enumerators, which is the order of the indices that
/// clients send.
[[nodiscard]] std::vector<ObservationSpace> llvm_observation_spaces(
    ObservationList list = ObservationList::kCompilerGym);

/// Whether it is the same whenever it is asked for.
[[nodiscard]] bool is_deterministic(LlvmObservation observation);

/// By the name of its space, listed or not; none if there is no such space.
[[nodiscard]] std::optional<LlvmObservation> find_llvm_observation(std::string_view name);

}  // namespace compiler_gym
