// Whether this build looks for errors by itself.
#pragma once

namespace compiler_gym::testing {

/// With AddressSanitizer, and UndefinedBehaviorSanitizer, which needs descriptors for what it does.
#if defined(__SANITIZE_ADDRESS__)
inline constexpr bool kAddressSanitized = true;
#else
inline constexpr bool kAddressSanitized = false;
#endif

/// With ThreadSanitizer, which has a thread of its own in every process.
#if defined(__SANITIZE_THREAD__)
inline constexpr bool kThreadSanitized = true;
#else
inline constexpr bool kThreadSanitized = false;
#endif

/// Both handle the signals of crashes before anybody else, and need memory for themselves.
inline constexpr bool kSanitized = kAddressSanitized || kThreadSanitized;

}  // namespace compiler_gym::testing
