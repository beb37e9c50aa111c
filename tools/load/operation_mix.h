// What a load consists of.
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

/// What a simulated client does at a time. All but kVersion use one of the load's sessions, which no
/// other operation uses meanwhile, and leave it with a session again, so that their number stays.
enum class Operation {
  kStep,     ///< Step
  kStart,    ///< StartSession, then EndSession of the session before: what a client's reset() does
  kFork,     ///< ForkSession, then EndSession of the parent
  kEnd,      ///< EndSession, then StartSession
  kVersion,  ///< GetVersion
};
inline constexpr int kOperationCount = 5;

/// `step`, `start`, ... as in --mix.
[[nodiscard]] std::string_view to_string(Operation operation);

/// Operations with weights.
class OperationMix {
 public:
  /// Nothing but steps.
  OperationMix() { weights_[static_cast<std::size_t>(Operation::kStep)] = 1; }

  /// From `step=97,start=2,fork=1`; what is not named does not occur. INVALID_ARGUMENT names the part
  /// that is wrong.
  [[nodiscard]] static Result<OperationMix> parse(std::string_view text);

  [[nodiscard]] Operation draw(std::mt19937_64& random) const;
  [[nodiscard]] std::uint32_t weight(Operation operation) const {
    return weights_[static_cast<std::size_t>(operation)];
  }
  /// Whether any of its operations needs a session.
  [[nodiscard]] bool uses_sessions() const;
  /// As parse() reads it.
  [[nodiscard]] std::string to_string() const;

 private:
  std::array<std::uint32_t, kOperationCount> weights_{};
};

}  // namespace compiler_gym
