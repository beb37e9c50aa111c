#include "sessions/llvm/run/sanitizer.h"

#include <algorithm>
#include <array>
#include <cstddef>

namespace compiler_gym {
namespace {

// What is not freed at the end is no fault of an optimiser, and tracing the program to find it may be
// forbidden here.
constexpr std::array<SanitizerFacts, 3> kSanitizers{{
    {"address", "AddressSanitizer", "ASAN_OPTIONS", "detect_leaks=0"},
    {"memory", "MemorySanitizer", "MSAN_OPTIONS", ""},
    {"thread", "ThreadSanitizer", "TSAN_OPTIONS", ""},
}};

// From there to the end of the line.
std::string rest_of_line(std::string_view text, std::size_t begin) {
  const std::string_view rest = text.substr(begin);
  return std::string(rest.substr(0, rest.find('\n')));
}

}  // namespace

const SanitizerFacts& facts_of(Sanitizer sanitizer) {
  return kSanitizers[static_cast<std::size_t>(sanitizer)];
}

std::string clang_flags_of(Sanitizer sanitizer) {
  return "-fsanitize=" + std::string(facts_of(sanitizer).name) + " -Xclang -disable-llvm-passes";
}

std::optional<Sanitizer> find_sanitizer(std::string_view name) {
  const auto* const found = std::ranges::find(kSanitizers, name, &SanitizerFacts::name);
  return found == kSanitizers.end() ? std::nullopt
                                    : std::optional(Sanitizer(found - kSanitizers.begin()));
}

std::string sanitizer_names() {
  std::string names;
  for (const SanitizerFacts& each : kSanitizers) {
    const bool last = &each == &kSanitizers.back();
    names += names.empty() ? "" : last ? " or " : ", ";
    names += each.name;
  }
  return names;
}

std::optional<std::string> summary_of_report(std::string_view standard_error, Sanitizer sanitizer) {
  const std::string begin = "SUMMARY: " + std::string(facts_of(sanitizer).report) + ": ";
  const std::size_t found = standard_error.find(begin);
  if (found == std::string_view::npos) {
    return std::nullopt;
  }
  return rest_of_line(standard_error, found + begin.size());
}

std::optional<std::string> failure_of_sanitizer(std::string_view standard_error,
                                                Sanitizer sanitizer) {
  if (summary_of_report(standard_error, sanitizer).has_value()) {
    return std::nullopt;
  }
  for (const char* kind : {"FATAL: ", "ERROR: "}) {
    const std::size_t found = standard_error.find(kind + std::string(facts_of(sanitizer).report));
    if (found != std::string_view::npos) {
      return rest_of_line(standard_error, found);
    }
  }
  return std::nullopt;
}

}  // namespace compiler_gym
