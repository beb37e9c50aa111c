// Random numbers for as many as want a sequence of their own.
#pragma once

#include <cstdint>

namespace compiler_gym {

/// Eight bytes each, where a std::mt19937_64 has 2.5 kB. The same seed and stream give the same numbers
/// on every machine, and different ones unrelated numbers.
/// Source: Steele, Lea, Flood, "Fast Splittable Pseudorandom Number Generators", OOPSLA 2014.
class SplitMix {
 public:
  SplitMix() = default;
  SplitMix(std::uint64_t seed, std::uint64_t stream) : state_(mix(seed) ^ mix(mix(stream + 1))) {}

  std::uint64_t operator()() {
    state_ += 0x9e3779b97f4a7c15;
    return mix(state_);
  }

 private:
  [[nodiscard]] static std::uint64_t mix(std::uint64_t value) {
    value = (value ^ (value >> 30)) * 0xbf58476d1ce4e5b9;
    value = (value ^ (value >> 27)) * 0x94d049bb133111eb;
    return value ^ (value >> 31);
  }

  std::uint64_t state_ = 0;
};

}  // namespace compiler_gym
