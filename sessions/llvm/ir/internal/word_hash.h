// The hash that structural_hash.cc and hidden_state.cc feed.
#pragma once

#include <llvm/ADT/StringRef.h>
#include <llvm/Support/xxhash.h>

#include <cstdint>

namespace compiler_gym::internal {

/// A hash of words in their order. Not for what an adversary chooses.
class WordHash {
 public:
  void add(std::uint64_t word) {
    const auto product = static_cast<unsigned __int128>(value_ ^ word) * kMultiplier;
    value_ =
        static_cast<std::uint64_t>(product) ^ static_cast<std::uint64_t>(product >> 64U) ^ word;
  }
  void add(const void* address) { add(reinterpret_cast<std::uintptr_t>(address)); }
  void add(llvm::StringRef text) {
    add(static_cast<std::uint64_t>(text.size()));
    if (!text.empty()) {
      add(static_cast<std::uint64_t>(llvm::xxh3_64bits(text)));
    }
  }
  [[nodiscard]] std::uint64_t value() const { return value_; }

 private:
  static constexpr std::uint64_t kMultiplier = 0x9E3779B97F4A7C15U;
  std::uint64_t value_ = 0x243F6A8885A308D3U;
};

}  // namespace compiler_gym::internal
