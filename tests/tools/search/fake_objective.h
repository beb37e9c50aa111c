// A landscape to search in without a compiler.
#pragma once

#include <algorithm>
#include <cstdint>
#include <optional>

#include "tools/search/pass_sequence.h"
#include "tools/search/search_method.h"

namespace compiler_gym::testing {

/// Thirty passes, of which one is `default<Oz>`, three are good and one crashes.
inline constexpr int kPasses = 30;
inline constexpr int kOz = 7;
inline constexpr int kGood[] = {3, 11, 23};
inline constexpr int kCrashing = 19;

inline SearchSpace fake_space() {
  return {.passes = kPasses, .oz = kOz, .known = {{kOz, kOz}, {1, 2}}};
}

/// Each good pass makes the program smaller, once; `default<Oz>` much smaller; every other one makes it
/// larger, by a little.
inline std::optional<std::int64_t> fake_value(const PassSequence& passes) {
  const auto has = [&](int pass) { return std::ranges::find(passes, pass) != passes.end(); };
  if (has(kCrashing)) {
    return std::nullopt;
  }
  std::int64_t value = 1000 - (has(kOz) ? 400 : 0);
  for (const int pass : kGood) {
    value -= has(pass) ? 20 : 0;
  }
  for (const int pass : passes) {
    value += pass == kOz || std::ranges::find(kGood, pass) != std::end(kGood) ? 0 : 1;
  }
  return value;
}

}  // namespace compiler_gym::testing
