#include "tools/fuzz/bitcode_mutator.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstring>
#include <random>

namespace compiler_gym::fuzz {
namespace {

class Mutator {
 public:
  Mutator(std::string& bytes, std::uint64_t seed) : bytes_(bytes), random_(seed) {}

  void edit_some() {
    for (std::size_t edits = 1 + below(8); edits > 0 && bytes_.size() > kWord; --edits) {
      edit();
    }
  }

 private:
  static constexpr std::size_t kWord = 4;  // what a bitstream is aligned to
  static constexpr std::size_t kMostBytes = 256;

  [[nodiscard]] std::size_t below(std::size_t bound) { return random_() % bound; }
  [[nodiscard]] std::size_t position() { return below(bytes_.size() - kWord + 1); }
  [[nodiscard]] std::size_t length_from(std::size_t start) {
    return 1 + below(std::min(kMostBytes, bytes_.size() - start));
  }

  void edit() {
    const std::size_t start = position();
    switch (below(8)) {
      case 0:
      case 1:
      case 2:  // most often, since most other edits end in the reader's first checks
        bytes_[start] = static_cast<char>(bytes_[start] ^ (1 << below(8)));
        break;
      case 3: {
        constexpr std::array<std::uint32_t, 6> kWords{0, 1, 0x7fffffff, 0x80000000, 0xffffffff, 64};
        std::memcpy(&bytes_[start], &kWords[below(kWords.size())], kWord);
        break;
      }
      case 4:
        bytes_.erase(start, length_from(start));
        break;
      case 5:
        bytes_.insert(position(), bytes_.substr(start, length_from(start)));
        break;
      case 6: {
        const std::size_t other = position();  // the two may overlap
        const std::string word = bytes_.substr(start, kWord);
        bytes_.replace(start, kWord, bytes_.substr(other, kWord));
        bytes_.replace(other, kWord, word);
        break;
      }
      default:
        bytes_.resize(start + kWord);
        break;
    }
  }

  std::string& bytes_;
  std::mt19937_64 random_;
};

}  // namespace

std::string mutate_bitcode(std::string bytes, std::uint64_t seed) {
  Mutator(bytes, seed).edit_some();
  return bytes;
}

}  // namespace compiler_gym::fuzz
