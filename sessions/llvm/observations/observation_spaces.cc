#include "sessions/llvm/observations/observation_spaces.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <string>

#include "sessions/llvm/observations/module_features.h"
#include "sessions/llvm/observations/programl.h"

namespace compiler_gym {
namespace {

// A client learns the type of the values from the kind of the space, and takes for text what is an
// Opaque or a dictionary once it is there: that is how CompilerGym declares them.
enum class Kind {
  kText,
  kSha1,
  kBytes,
  kPath,
  kInstCount,
  kAutophase,
  kGraph,
  kJsonGraph,
  kJson,
  kCount,
  kBoolean,
  kSeconds,
};

struct Row {
  const char* name;
  Kind kind;
  bool deterministic;
  bool platform_dependent;
};

constexpr bool kDeterministic = true;
constexpr bool kVaries = false;
constexpr bool kPlatform = true;
constexpr bool kAnywhere = false;

// In the order of LlvmObservation.
constexpr std::array kRows{
    Row{"Ir", Kind::kText, kDeterministic, kAnywhere},
    Row{"IrSha1", Kind::kSha1, kDeterministic, kAnywhere},
    Row{"Bitcode", Kind::kBytes, kDeterministic, kAnywhere},
    Row{"BitcodeFile", Kind::kPath, kVaries, kAnywhere},
    Row{"InstCount", Kind::kInstCount, kDeterministic, kAnywhere},
    Row{"Autophase", Kind::kAutophase, kDeterministic, kAnywhere},
    Row{"Programl", Kind::kGraph, kDeterministic, kAnywhere},
    Row{"ProgramlJson", Kind::kJsonGraph, kDeterministic, kAnywhere},
    Row{"CpuInfo", Kind::kJson, kDeterministic, kPlatform},
    Row{"IrInstructionCount", Kind::kCount, kDeterministic, kAnywhere},
    Row{"IrInstructionCountO0", Kind::kCount, kDeterministic, kAnywhere},
    Row{"IrInstructionCountO3", Kind::kCount, kDeterministic, kAnywhere},
    Row{"IrInstructionCountOz", Kind::kCount, kDeterministic, kAnywhere},
    Row{"ObjectTextSizeBytes", Kind::kCount, kDeterministic, kPlatform},
    Row{"ObjectTextSizeO0", Kind::kCount, kDeterministic, kPlatform},
    Row{"ObjectTextSizeO3", Kind::kCount, kDeterministic, kPlatform},
    Row{"ObjectTextSizeOz", Kind::kCount, kDeterministic, kPlatform},
    Row{"TextSizeBytes", Kind::kCount, kDeterministic, kPlatform},
    Row{"TextSizeO0", Kind::kCount, kDeterministic, kPlatform},
    Row{"TextSizeO3", Kind::kCount, kDeterministic, kPlatform},
    Row{"TextSizeOz", Kind::kCount, kDeterministic, kPlatform},
    Row{"IsBuildable", Kind::kBoolean, kDeterministic, kPlatform},
    Row{"IsRunnable", Kind::kBoolean, kDeterministic, kPlatform},
    Row{"Runtime", Kind::kSeconds, kVaries, kPlatform},
    Row{"Buildtime", Kind::kSeconds, kVaries, kPlatform},
    Row{"LexedIr", Kind::kText, kDeterministic, kAnywhere},
    Row{"ShippedTextSizeBytes", Kind::kCount, kDeterministic, kPlatform},
    Row{"ShippedTextSizeO2", Kind::kCount, kDeterministic, kPlatform},
    Row{"ShippedTextSizeOs", Kind::kCount, kDeterministic, kPlatform},
    Row{"ShippedTextSizeOz", Kind::kCount, kDeterministic, kPlatform},
    Row{"Validation", Kind::kJson, kVaries, kPlatform},
    Row{"RuntimeMeasurement", Kind::kJson, kVaries, kPlatform},
};
static_assert(kRows.size() == static_cast<std::size_t>(LlvmObservation::kRuntimeMeasurement) + 1);
constexpr std::size_t kCompilerGymSize = static_cast<std::size_t>(LlvmObservation::kLexedIr) + 1;

// Longest path of most file systems.
constexpr std::int64_t kMaxPathLength = 4096;

void set_filled(Int64Tensor& tensor, std::size_t size, std::int64_t value) {
  tensor.add_shape(size);
  tensor.mutable_value()->Resize(static_cast<int>(size), value);
}

void set_vector_of_counts(std::size_t size, ObservationSpace& space) {
  Int64Box& box = *space.mutable_space()->mutable_int64_box();
  set_filled(*box.mutable_low(), size, 0);
  set_filled(*box.mutable_high(), size, std::numeric_limits<std::int64_t>::max());
  set_filled(*space.mutable_default_observation()->mutable_int64_tensor(), size, 0);
}

void set_opaque(const char* format, std::string_view default_json, ObservationSpace& space) {
  space.mutable_space()->mutable_string_value()->mutable_length_range()->set_min(0);
  Opaque opaque;
  opaque.set_format(format);
  opaque.set_data(std::string(default_json));
  space.mutable_default_observation()->mutable_any_value()->PackFrom(opaque);
}

void set_values(Kind kind, ObservationSpace& observation_space) {
  Space& space = *observation_space.mutable_space();
  switch (kind) {
    case Kind::kText:
      space.mutable_string_value()->mutable_length_range()->set_min(0);
      return;
    case Kind::kSha1:
      space.mutable_string_value()->mutable_length_range()->set_min(40);
      space.mutable_string_value()->mutable_length_range()->set_max(40);
      return;
    case Kind::kBytes:
      space.mutable_byte_sequence()->mutable_length_range()->set_min(0);
      return;
    case Kind::kPath:
      space.mutable_string_value()->mutable_length_range()->set_min(0);
      space.mutable_string_value()->mutable_length_range()->set_max(kMaxPathLength);
      return;
    case Kind::kInstCount:
      set_vector_of_counts(kInstCountSize, observation_space);
      return;
    case Kind::kAutophase:
      set_vector_of_counts(kAutophaseSize, observation_space);
      return;
    case Kind::kGraph:
      set_opaque("json://networkx/MultiDiGraph", kEmptyProgramlJson, observation_space);
      return;
    case Kind::kJsonGraph:
      set_opaque("json://", kEmptyProgramlJson, observation_space);
      return;
    case Kind::kJson:
      set_opaque("json://", "{}", observation_space);
      return;
    case Kind::kCount:
      space.mutable_int64_value()->set_min(0);
      observation_space.mutable_default_observation()->set_int64_value(0);
      return;
    case Kind::kBoolean:
      space.mutable_boolean_value();
      observation_space.mutable_default_observation()->set_int64_value(0);
      return;
    case Kind::kSeconds:
      space.mutable_double_sequence()->mutable_length_range()->set_min(0);
      space.mutable_double_sequence()->mutable_scalar_range()->set_min(0);
      return;
  }
}

}  // namespace

std::vector<ObservationSpace> llvm_observation_spaces(ObservationList list) {
  std::vector<ObservationSpace> spaces(list == ObservationList::kAll ? kRows.size()
                                                                     : kCompilerGymSize);
  for (std::size_t i = 0; i < spaces.size(); ++i) {
    spaces[i].set_name(kRows[i].name);
    spaces[i].set_deterministic(kRows[i].deterministic);
    spaces[i].set_platform_dependent(kRows[i].platform_dependent);
    set_values(kRows[i].kind, spaces[i]);
  }
  return spaces;
}

bool is_deterministic(LlvmObservation observation) {
  return kRows[static_cast<std::size_t>(observation)].deterministic;
}

std::optional<LlvmObservation> find_llvm_observation(std::string_view name) {
  const auto* found = std::ranges::find(kRows, name, &Row::name);
  if (found == kRows.end()) {
    return std::nullopt;
  }
  return static_cast<LlvmObservation>(found - kRows.begin());
}

}  // namespace compiler_gym
