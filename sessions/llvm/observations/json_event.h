// JSON as the value of an observation.
#pragma once

#include <string>

#include "proto/compiler_gym_service.pb.h"

namespace llvm::json {
class Value;
}

namespace compiler_gym {

/// Without blanks.
[[nodiscard]] std::string json_text(const llvm::json::Value& json);

/// An Opaque of the format `json://`, of which CompilerGym's client makes a dictionary.
void fill_json(std::string json, Event& event);

}  // namespace compiler_gym
