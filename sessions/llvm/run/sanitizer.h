// clang's sanitizers, as far as they can be put into a program that is bitcode.
#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace compiler_gym {

/// Those that instrument the IR. UndefinedBehaviorSanitizer is not among them: clang puts its checks in
/// while it compiles the source.
enum class Sanitizer {
  kAddress,
  kMemory,
  kThread,
};

struct SanitizerFacts {
  std::string_view name;              ///< as `clang -fsanitize=` takes it
  std::string_view report;            ///< what its reports call it
  std::string_view options_variable;  ///< of the environment of a program that has it
  std::string_view default_options;   ///< what that is for a validation
};
[[nodiscard]] const SanitizerFacts& facts_of(Sanitizer sanitizer);

/// What clang has to be told to build a program that is instrumented already.
[[nodiscard]] std::string clang_flags_of(Sanitizer sanitizer);

/// By its name: `address`, `memory` or `thread`.
[[nodiscard]] std::optional<Sanitizer> find_sanitizer(std::string_view name);

/// `address, memory or thread`.
[[nodiscard]] std::string sanitizer_names();

/// What a report on a program's stderr says in short, `heap-buffer-overflow sort.c:3 in main` for instance;
/// none if there is no report of that sanitizer.
[[nodiscard]] std::optional<std::string> summary_of_report(std::string_view standard_error,
                                                           Sanitizer sanitizer);

/// Why a sanitizer could not do its work, by what it prints then, of address space that it did not get for
/// instance; none if it has not said so.
[[nodiscard]] std::optional<std::string> failure_of_sanitizer(std::string_view standard_error,
                                                              Sanitizer sanitizer);

}  // namespace compiler_gym
