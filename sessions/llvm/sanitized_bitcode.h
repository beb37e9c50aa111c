// A program that is bitcode, for clang to put a sanitizer into.
#pragma once

#include <stop_token>
#include <string>

#include "core/support/status.h"
#include "sessions/llvm/run/sanitizer.h"

namespace compiler_gym {

/// The program with each of its functions marked as clang marks those that it compiles with
/// `-fsanitize=`: without the mark, clang adds the sanitizer's library to bitcode, and instruments nothing.
/// Functions whose source asks for no sanitizer (`naked`, `disable_sanitizer_instrumentation`) stay so.
/// Errors: INVALID_ARGUMENT if that is no bitcode; those of LlvmCall.
[[nodiscard]] Result<std::string> sanitized_bitcode(const std::string& bitcode, Sanitizer sanitizer,
                                                    const std::stop_token& stop_token);

}  // namespace compiler_gym
