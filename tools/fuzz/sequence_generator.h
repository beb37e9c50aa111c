// Random sequences of requests, most of them right.
#pragma once

#include <cstdint>
#include <random>
#include <vector>

#include "tools/fuzz/operation.h"
#include "tools/fuzz/service_facts.h"

namespace compiler_gym::fuzz {

/// The shape of what clients send: lanes that start, fork, step and end sessions at the same time, and
/// now and then ask for what does not exist, send bitcode that is none, or leave before the answer.
/// Equal seeds make equal sequences.
class SequenceGenerator {
 public:
  /// `programs`: how many there are to start on.
  SequenceGenerator(const ServiceFacts& facts, int programs, std::uint64_t seed);

  [[nodiscard]] Sequence generate();

 private:
  [[nodiscard]] Operation next(int lane);
  void fill_start(Operation& operation);
  void fill_actions(Operation& operation);
  void fill_observations(Operation& operation);
  void fill_parameter(Operation& operation);

  [[nodiscard]] std::int64_t below(std::int64_t bound) {
    return static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(bound));
  }
  [[nodiscard]] bool one_in(std::int64_t times) { return below(times) == 0; }
  /// An index, now and then one that is none.
  [[nodiscard]] std::int64_t index_below(std::int64_t bound);

  const ServiceFacts& facts_;
  const int programs_;
  std::mt19937_64 random_;
};

}  // namespace compiler_gym::fuzz
