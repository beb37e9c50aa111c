// Bitcode that is nearly right.
#pragma once

#include <cstdint>
#include <string>

namespace compiler_gym::fuzz {

/// The bytes with one to eight random edits: bits flipped, words overwritten, ranges removed, repeated
/// or exchanged, the end cut off. The same seed makes the same edits.
[[nodiscard]] std::string mutate_bitcode(std::string bytes, std::uint64_t seed);

}  // namespace compiler_gym::fuzz
