// Random sequences of requests, most of them right.
#pragma once

#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include "tools/fuzz/operation.h"
#include "tools/fuzz/service_facts.h"

namespace compiler_gym::fuzz {

/// What the sessions of a sequence are started on.
struct ProgramCounts {
  int good = 0;     ///< on which a session starts
  int foreign = 0;  ///< numbered after the good ones; who knows
};

/// The shape of what clients send: lanes that start, fork, step and end sessions at the same time, by
/// calls or on a stream, inline or isolated, and now and then ask for what does not exist, send
/// bitcode that is none or far too much of it, or leave before the answer. Most requests name a
/// session that is there: the others say little about a service.
/// Equal seeds make equal sequences.
class SequenceGenerator {
 public:
  SequenceGenerator(const ServiceFacts& facts, ProgramCounts programs, std::uint64_t seed);

  [[nodiscard]] Sequence generate();

 private:
  /// Slots with a session, if all goes well.
  using LiveSlots = std::set<int>;

  void add_lane(int lane, Sequence& sequence);
  [[nodiscard]] Operation next(int lane, const LiveSlots& live);
  [[nodiscard]] int slot_among(const LiveSlots& live);
  void note(const Operation& operation, LiveSlots& live) const;
  /// Whether a service has to take it.
  [[nodiscard]] bool is_good_start(const Operation& operation) const;
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
  const ProgramCounts programs_;
  std::mt19937_64 random_;
};

}  // namespace compiler_gym::fuzz
