// A program that is bitcode, with a sanitizer in it.
#pragma once

#include <stop_token>
#include <string>

#include "core/support/status.h"
#include "sessions/llvm/run/sanitizer.h"

namespace compiler_gym {

/// The program instrumented, so that clang has to generate its code and link the sanitizer's library: that is
/// clang_flags_of(). clang itself instruments no bitcode, unless its functions were marked when
/// they were compiled, and none if it is told to run no passes. Functions that are `naked` or
/// `disable_sanitizer_instrumentation` stay as they are; of `no_sanitize` in the source nothing is left in
/// bitcode that was compiled without sanitizers.
/// Errors: INVALID_ARGUMENT if that is no bitcode; those of LlvmCall.
[[nodiscard]] Result<std::string> sanitized_bitcode(const std::string& bitcode, Sanitizer sanitizer,
                                                    const std::stop_token& stop_token);

}  // namespace compiler_gym
