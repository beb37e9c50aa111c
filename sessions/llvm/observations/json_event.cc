#include "sessions/llvm/observations/json_event.h"

#include <utility>

namespace compiler_gym {

void fill_json(std::string json, Event& event) {
  Opaque opaque;
  opaque.set_format("json://");
  opaque.set_data(std::move(json));
  event.mutable_any_value()->PackFrom(opaque);
}

}  // namespace compiler_gym
