// Whether this build looks for errors by itself.
#pragma once

namespace compiler_gym::testing {

/// With AddressSanitizer, and UndefinedBehaviorSanitizer, which needs descriptors for what it does.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitized = true;
#else
inline constexpr bool kAddressSanitized = false;
#endif

/// With AddressSanitizer or ThreadSanitizer: both handle the signals of crashes before anybody else,
/// and allow no limit of memory.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kSanitized = true;
#else
inline constexpr bool kSanitized = kAddressSanitized;
#endif

}  // namespace compiler_gym::testing
