// What a fuzzed client does, one line each, so that a failing sequence can be kept, read, edited and
// replayed.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym::fuzz {

/// One request. Sessions are named by a lane, a client whose requests follow each other, and a slot in
/// it, since their ids are not known beforehand; a slot without a session stands for an unknown id.
struct Operation {
  enum class Kind {
    kStart,      ///< StartSession into `slot`, ending nothing: a session that was there stays open
    kFork,       ///< ForkSession of `from` into `slot`
    kStep,       ///< Step
    kParameter,  ///< SendSessionParameter
    kEnd,        ///< EndSession
    kStream,     ///< the lane's requests go on a new stream from here on
  };

  Kind kind = Kind::kStep;
  int lane = 0;
  int slot = 0;
  int from = 0;
  int program = 0;             ///< of those the fuzzer was given, foreign ones after the good
  std::uint64_t mutation = 0;  ///< 0: the program as it is; else the seed of mutate_bitcode()
  std::int64_t action_space = 0;
  std::vector<std::int64_t> actions{};
  std::vector<std::int64_t> observations{};
  std::string key{};
  std::string value{};
  /// After which the client gives the request up.
  std::optional<int> timeout_ms{};
  /// Bytes that mean nothing, in a field that the service does not know.
  std::uint64_t pad = 0;

  friend bool operator==(const Operation&, const Operation&) = default;
};

using Sequence = std::vector<Operation>;

/// `0 step slot=1 actions=3,120 observe=9 timeout_ms=5`
[[nodiscard]] std::string to_string(const Operation& operation);

/// The reverse. INVALID_ARGUMENT names the part that is wrong.
[[nodiscard]] Result<Operation> parse_operation(std::string_view line);

/// One operation per line; empty lines and those that begin with # are passed over.
[[nodiscard]] Result<Sequence> parse_sequence(std::string_view text);

}  // namespace compiler_gym::fuzz
