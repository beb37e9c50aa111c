// What is said of a session parameter with a value that it can't have.
#pragma once

#include <string>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

/// INVALID_ARGUMENT `<key> must be <wanted>. Received: "<value>"`, of a long value its beginning.
[[nodiscard]] inline grpc::Status wrong_value(std::string_view key, std::string_view wanted,
                                              const std::string& value) {
  return invalid_argument(std::string(key) + " must be " + std::string(wanted) + ". Received: \"" +
                          value.substr(0, 100) + '"');
}

}  // namespace compiler_gym
