// How a program does after optimisation, compared with before.
#pragma once

#include <array>
#include <cstddef>
#include <string>
#include <string_view>

namespace compiler_gym {

enum class Verdict {
  kValidated,         ///< it does as before
  kWrongOutput,       ///< its exit status, what it prints or a file that it makes differs
  kCrashed,           ///< killed by a signal
  kSanitizerReport,   ///< the sanitizer that it was built with has found something
  kTimedOut,          ///< it runs longer than its run command may
  kBuildFailed,       ///< it can't be built
  kNondeterministic,  ///< before optimisation two runs differ, so there is nothing to compare with
  kUnusable,          ///< before optimisation it can't be built or run either
  kNotChecked,        ///< the check itself failed
};
inline constexpr std::size_t kVerdictCount = 9;

/// `validated`, `wrong_output`, ...
[[nodiscard]] constexpr std::string_view to_string(Verdict verdict) {
  constexpr std::array<std::string_view, kVerdictCount> kNames{
      "validated",    "wrong_output",     "crashed",  "sanitizer_report", "timed_out",
      "build_failed", "nondeterministic", "unusable", "not_checked"};
  return kNames[static_cast<std::size_t>(verdict)];
}

struct Validation {
  Verdict verdict = Verdict::kNotChecked;
  /// Empty if validated.
  std::string reason;
};

}  // namespace compiler_gym
