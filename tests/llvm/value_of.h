// Unpacks a Result in a test.
#pragma once

#include <stdexcept>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym {

/// The value, or an exception with the status in it, which fails the test.
template <typename T>
[[nodiscard]] T value_of(Result<T> result) {
  if (!result) {
    throw std::runtime_error(to_string(result.error()));
  }
  return *std::move(result);
}

}  // namespace compiler_gym
