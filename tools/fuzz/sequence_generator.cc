#include "tools/fuzz/sequence_generator.h"

#include <array>
#include <limits>

namespace compiler_gym::fuzz {
namespace {

using Kind = Operation::Kind;

constexpr int kMostLanes = 4;
constexpr int kSlots = 4;
constexpr int kMostOperationsInALane = 24;

}  // namespace

SequenceGenerator::SequenceGenerator(const ServiceFacts& facts, int programs, std::uint64_t seed)
    : facts_(facts), programs_(programs), random_(seed) {}

Sequence SequenceGenerator::generate() {
  Sequence sequence;
  const std::int64_t lanes = 1 + below(kMostLanes);
  for (int lane = 0; lane < lanes; ++lane) {
    for (std::int64_t left = 1 + below(kMostOperationsInALane); left > 0; --left) {
      sequence.push_back(next(lane));
    }
  }
  return sequence;
}

Operation SequenceGenerator::next(int lane) {
  constexpr std::array kKinds{Kind::kStart, Kind::kStart,     Kind::kFork, Kind::kFork,
                              Kind::kEnd,   Kind::kParameter, Kind::kStep, Kind::kStep,
                              Kind::kStep,  Kind::kStep,      Kind::kStep, Kind::kStep};
  Operation operation;
  operation.kind = kKinds[static_cast<std::size_t>(below(kKinds.size()))];
  operation.lane = lane;
  operation.slot = static_cast<int>(below(kSlots));
  switch (operation.kind) {
    case Kind::kStart:
      fill_start(operation);
      fill_observations(operation);
      break;
    case Kind::kFork:
      operation.from = static_cast<int>(below(kSlots));
      break;
    case Kind::kStep:
      fill_actions(operation);
      fill_observations(operation);
      if (one_in(16)) {
        operation.timeout_ms = static_cast<int>(below(20));
      }
      break;
    case Kind::kParameter:
      fill_parameter(operation);
      break;
    case Kind::kEnd:
      break;
  }
  return operation;
}

void SequenceGenerator::fill_start(Operation& operation) {
  operation.program = static_cast<int>(below(programs_));
  operation.action_space = index_below(static_cast<std::int64_t>(facts_.action_counts.size()));
  if (one_in(4)) {
    operation.mutation = 1 + random_() % 1'000'000'000;
  }
}

// Of the first action space, which has the most; in the others some do not exist.
void SequenceGenerator::fill_actions(Operation& operation) {
  for (std::int64_t left = below(6); left > 0; --left) {
    operation.actions.push_back(index_below(facts_.action_counts.front()));
  }
}

void SequenceGenerator::fill_observations(Operation& operation) {
  for (std::int64_t left = below(4); left > 0; --left) {
    const auto known = static_cast<std::int64_t>(facts_.observations.size());
    operation.observations.push_back(
        one_in(32) ? index_below(facts_.observation_count)
                   : facts_.observations[static_cast<std::size_t>(below(known))]);
  }
}

void SequenceGenerator::fill_parameter(Operation& operation) {
  constexpr std::array kKeys{
      "service.benchmark_cache.get_max_size_in_bytes",
      "service.benchmark_cache.get_size_in_bytes",
      "llvm.set_runtimes_per_observation_count",
      "llvm.get_warmup_runs_count_per_runtime_observation",
      "no.such.key",
  };
  constexpr std::array kValues{"", "1", "-5", "x", "99999999999999999999"};
  operation.key = kKeys[static_cast<std::size_t>(below(kKeys.size()))];
  operation.value = kValues[static_cast<std::size_t>(below(kValues.size()))];
}

std::int64_t SequenceGenerator::index_below(std::int64_t bound) {
  if (!one_in(24)) {
    return below(bound);
  }
  // The wire has 32 bits for some of the indices.
  const std::array outside{std::int64_t{-1}, bound,
                           std::int64_t{std::numeric_limits<std::int32_t>::min()},
                           std::int64_t{std::numeric_limits<std::int32_t>::max()}};
  return outside[static_cast<std::size_t>(below(outside.size()))];
}

}  // namespace compiler_gym::fuzz
