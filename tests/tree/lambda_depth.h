// How deep a source file nests its lambdas.
#pragma once

#include <string_view>

namespace compiler_gym::testing {

struct DeepestLambda {
  int depth = 0;  ///< 0: the file has none; 1: a lambda, but none in it
  int line = 0;   ///< where the deepest begins
};

/// Reads C++ as text, without knowing its types: a bracket is a lambda's if what comes before it
/// cannot be subscripted.
[[nodiscard]] DeepestLambda deepest_lambda(std::string_view source);

}  // namespace compiler_gym::testing
