#include "sessions/llvm/observations/module_observations.h"

#include <cassert>
#include <span>
#include <string>
#include <utility>

#include "sessions/llvm/ir/ir_module.h"
#include "sessions/llvm/observations/lexed_ir.h"
#include "sessions/llvm/observations/module_features.h"
#include "sessions/llvm/observations/programl.h"

namespace compiler_gym {
namespace {

void fill_tensor(std::span<const std::int64_t> values, Event& event) {
  Int64Tensor& tensor = *event.mutable_int64_tensor();
  tensor.add_shape(values.size());
  tensor.mutable_value()->Add(values.begin(), values.end());
}

void fill_bytes(std::string bytes, Event& event) {
  ByteTensor& tensor = *event.mutable_byte_tensor();
  tensor.add_shape(bytes.size());
  tensor.set_value(std::move(bytes));
}

void fill_opaque(const char* format, std::string data, Event& event) {
  Opaque opaque;
  opaque.set_format(format);
  opaque.set_data(std::move(data));
  event.mutable_any_value()->PackFrom(opaque);
}

}  // namespace

bool is_module_observation(LlvmObservation observation) {
  switch (observation) {
    case LlvmObservation::kIr:
    case LlvmObservation::kIrSha1:
    case LlvmObservation::kBitcode:
    case LlvmObservation::kInstCount:
    case LlvmObservation::kAutophase:
    case LlvmObservation::kPrograml:
    case LlvmObservation::kProgramlJson:
    case LlvmObservation::kLexedIr:
      return true;
    default:
      return false;
  }
}

void fill_module_observation(LlvmObservation observation, const llvm::Module& module,
                             Event& event) {
  switch (observation) {
    case LlvmObservation::kIr:
      event.set_string_value(ir_text(module));
      return;
    case LlvmObservation::kIrSha1:
      event.set_string_value(ir_sha1(module));
      return;
    case LlvmObservation::kBitcode:
      fill_bytes(write_bitcode(module), event);
      return;
    case LlvmObservation::kInstCount:
      fill_tensor(inst_count(module), event);
      return;
    case LlvmObservation::kAutophase:
      fill_tensor(autophase(module), event);
      return;
    case LlvmObservation::kPrograml:
      fill_opaque("json://networkx/MultiDiGraph", programl_json(module), event);
      return;
    case LlvmObservation::kProgramlJson:
      fill_opaque("json://", programl_json(module), event);
      return;
    case LlvmObservation::kLexedIr:
      fill_lexed_ir(ir_text(module), event);
      return;
    default:
      assert(false && "not an observation of the module alone");
  }
}

}  // namespace compiler_gym
