#include "tools/fuzz/sequence_generator.h"

#include <algorithm>
#include <array>
#include <iterator>
#include <limits>

namespace compiler_gym::fuzz {
namespace {

using Kind = Operation::Kind;

constexpr int kMostLanes = 4;
constexpr int kSlots = 4;
constexpr int kMostOperationsInALane = 24;
// So often a request names a session that may not be there: one in so many.
constexpr int kRarely = 24;

}  // namespace

SequenceGenerator::SequenceGenerator(const ServiceFacts& facts, ProgramCounts programs,
                                     std::uint64_t seed)
    : facts_(facts), programs_(programs), random_(seed) {}

Sequence SequenceGenerator::generate() {
  Sequence sequence;
  const std::int64_t lanes = 1 + below(kMostLanes);
  for (int lane = 0; lane < lanes; ++lane) {
    add_lane(lane, sequence);
  }
  return sequence;
}

void SequenceGenerator::add_lane(int lane, Sequence& sequence) {
  if (one_in(3)) {
    sequence.push_back({.kind = Kind::kStream, .lane = lane});
  }
  LiveSlots live;
  for (std::int64_t left = 1 + below(kMostOperationsInALane); left > 0; --left) {
    const Operation operation = next(lane, live);
    note(operation, live);
    sequence.push_back(operation);
    if (operation.kind == Kind::kStart && one_in(3)) {
      sequence.push_back({.kind = Kind::kParameter,
                          .lane = lane,
                          .slot = operation.slot,
                          .key = "service.executor",
                          .value = "inline"});
    }
  }
}

Operation SequenceGenerator::next(int lane, const LiveSlots& live) {
  constexpr std::array kKinds{Kind::kStart,     Kind::kStart, Kind::kFork, Kind::kFork, Kind::kEnd,
                              Kind::kParameter, Kind::kStep,  Kind::kStep, Kind::kStep, Kind::kStep,
                              Kind::kStep,      Kind::kStep,  Kind::kStep, Kind::kStep};
  Operation operation;
  operation.kind = kKinds[static_cast<std::size_t>(below(kKinds.size()))];
  if (live.empty() && !one_in(kRarely)) {
    operation.kind = Kind::kStart;
  }
  operation.lane = lane;
  switch (operation.kind) {
    case Kind::kStart:
      operation.slot = static_cast<int>(below(kSlots));
      fill_start(operation);
      fill_observations(operation);
      break;
    case Kind::kFork:
      operation.slot = static_cast<int>(below(kSlots));
      operation.from = slot_among(live);
      break;
    case Kind::kStep:
      operation.slot = slot_among(live);
      fill_actions(operation);
      fill_observations(operation);
      if (one_in(16)) {
        operation.timeout_ms = static_cast<int>(below(20));
      }
      break;
    case Kind::kParameter:
      operation.slot = slot_among(live);
      fill_parameter(operation);
      break;
    case Kind::kEnd:
      operation.slot = slot_among(live);
      break;
    case Kind::kStream:
      break;
  }
  if (one_in(16)) {
    constexpr std::array kSizes{kMaxSmallRequestBytes / 2, kMaxSmallRequestBytes + 1,
                                kMaxMessageBytes / 4, kMaxMessageBytes + 1};
    operation.pad = kSizes[static_cast<std::size_t>(below(kSizes.size()))];
  }
  return operation;
}

int SequenceGenerator::slot_among(const LiveSlots& live) {
  if (live.empty() || one_in(kRarely)) {
    return static_cast<int>(below(kSlots));
  }
  return *std::next(live.begin(), below(static_cast<std::int64_t>(live.size())));
}

void SequenceGenerator::note(const Operation& operation, LiveSlots& live) const {
  if (operation.kind == Kind::kEnd && operation.pad <= kMaxSmallRequestBytes) {
    live.erase(operation.slot);
  }
  const bool is_new = (operation.kind == Kind::kStart && is_good_start(operation)) ||
                      (operation.kind == Kind::kFork && live.contains(operation.from));
  if (is_new && operation.pad <= kMaxMessageBytes) {
    live.insert(operation.slot);
  }
}

bool SequenceGenerator::is_good_start(const Operation& operation) const {
  const auto spaces = static_cast<std::int64_t>(facts_.action_counts.size());
  return operation.mutation == 0 && operation.program < programs_.good &&
         operation.action_space >= 0 && operation.action_space < spaces &&
         std::ranges::all_of(
             operation.observations,
             [this](std::int64_t index) { return index >= 0 && index < facts_.observation_count; });
}

void SequenceGenerator::fill_start(Operation& operation) {
  operation.program = static_cast<int>(below(programs_.good));
  if (programs_.foreign > 0 && one_in(6)) {
    operation.program = programs_.good + static_cast<int>(below(programs_.foreign));
  }
  operation.action_space = index_below(static_cast<std::int64_t>(facts_.action_counts.size()));
  if (one_in(6)) {
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
      "service.executor",
      "service.benchmark_cache.get_max_size_in_bytes",
      "service.benchmark_cache.get_size_in_bytes",
      "llvm.set_runtimes_per_observation_count",
      "llvm.get_warmup_runs_count_per_runtime_observation",
      "no.such.key",
  };
  constexpr std::array kValues{"", "1", "-5", "isolated", "99999999999999999999"};
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
