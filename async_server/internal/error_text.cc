#include "async_server/internal/error_text.h"

#include <fmt/core.h>

namespace compiler_gym::internal {
namespace {

constexpr std::size_t kMark = 64;  // more than what says that something was left out
constexpr std::size_t kEnd = kMaxErrorTextBytes / 4;
constexpr std::size_t kBeginning = kMaxErrorTextBytes - kEnd - kMark;

// Bytes that are not printable ASCII take three.
std::size_t encoded_size(char byte) {
  return byte >= ' ' && byte <= '~' && byte != '%' ? 1 : 3;
}

bool is_utf8_continuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0U) == 0x80U;
}

// How many bytes at the beginning take at most so many when they are encoded.
std::size_t beginning_of(std::string_view text, std::size_t encoded) {
  std::size_t size = 0;
  for (std::size_t taken = 0; size < text.size(); ++size) {
    taken += encoded_size(text[size]);
    if (taken > encoded) {
      break;
    }
  }
  while (size < text.size() && size > 0 && is_utf8_continuation(text[size])) {
    --size;
  }
  return size;
}

// Where the end begins that takes at most so many.
std::size_t end_of(std::string_view text, std::size_t encoded) {
  std::size_t begin = text.size();
  for (std::size_t taken = 0; begin > 0; --begin) {
    taken += encoded_size(text[begin - 1]);
    if (taken > encoded) {
      break;
    }
  }
  while (begin < text.size() && is_utf8_continuation(text[begin])) {
    ++begin;
  }
  return begin;
}

}  // namespace

std::string fit_into_metadata(std::string_view text) {
  if (beginning_of(text, kMaxErrorTextBytes) == text.size()) {
    return std::string(text);
  }
  const std::size_t beginning = beginning_of(text, kBeginning);
  const std::size_t end = end_of(text, kEnd);
  return fmt::format("{} ... ({} bytes left out) ... {}", text.substr(0, beginning),
                     end - beginning, text.substr(end));
}

}  // namespace compiler_gym::internal
