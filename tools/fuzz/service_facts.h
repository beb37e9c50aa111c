// What a fuzzer has to know of a service to ask it something sensible, most of the time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym::fuzz {

/// What the fuzzer tells its service to take as the largest message (`--max_message_size`).
inline constexpr std::uint64_t kMaxMessageBytes = std::uint64_t{4} * 1024 * 1024;
/// What a service takes of a request that needs only a few bytes, such as EndSession.
inline constexpr std::uint64_t kMaxSmallRequestBytes = std::uint64_t{64} * 1024;

struct ServiceFacts {
  /// How many actions each action space has.
  std::vector<std::int64_t> action_counts;
  /// How many observation spaces there are.
  std::int64_t observation_count = 0;
  /// Those without a side effect that the client would have to clean up.
  std::vector<std::int64_t> observations;
  /// The one that identifies the state of a session, if there is one: equal actions, equal values.
  std::optional<std::int64_t> fingerprint;
};

/// Errors: FAILED_PRECONDITION if an action space is not one of integers from 0 on.
[[nodiscard]] Result<ServiceFacts> facts_of(const GetSpacesReply& spaces);

}  // namespace compiler_gym::fuzz
