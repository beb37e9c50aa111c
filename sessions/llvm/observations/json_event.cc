#include "sessions/llvm/observations/json_event.h"

#include <llvm/Support/JSON.h>
#include <llvm/Support/raw_ostream.h>

#include <utility>

namespace compiler_gym {

std::string json_text(const llvm::json::Value& json) {
  std::string text;
  llvm::raw_string_ostream(text) << json;
  return text;
}

void fill_json(std::string json, Event& event) {
  Opaque opaque;
  opaque.set_format("json://");
  opaque.set_data(std::move(json));
  event.mutable_any_value()->PackFrom(opaque);
}

}  // namespace compiler_gym
