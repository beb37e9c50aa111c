// What a search looks for: passes, in the order they run.
#pragma once

#include <cstdint>
#include <vector>

namespace compiler_gym {

/// Passes, by their index in the PassList.
using PassSequence = std::vector<int>;

/// A sequence and what it makes of a program: bytes, or instructions.
struct ScoredSequence {
  PassSequence passes;
  std::int64_t value = 0;

  /// The smaller one; of equal ones the shorter sequence.
  [[nodiscard]] bool is_better_than(const ScoredSequence& other) const {
    return value != other.value ? value < other.value : passes.size() < other.passes.size();
  }
};

}  // namespace compiler_gym
