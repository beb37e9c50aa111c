// JSON as the value of an observation.
#pragma once

#include <string>

#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// An Opaque of the format `json://`, of which CompilerGym's client makes a dictionary.
void fill_json(std::string json, Event& event);

}  // namespace compiler_gym
