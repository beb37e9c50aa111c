// Whether this build looks for errors by itself.
#pragma once

namespace compiler_gym::testing {

/// With AddressSanitizer or ThreadSanitizer: both handle the signals of crashes before anybody else,
/// and allow no limit of memory.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = false;
#endif

}  // namespace compiler_gym::testing
