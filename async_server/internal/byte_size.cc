#include "async_server/internal/byte_size.h"

#include <fmt/core.h>

#include <cctype>
#include <charconv>
#include <limits>

namespace compiler_gym::internal {
namespace {

constexpr std::string_view kUnits = "KMGT";
constexpr unsigned kBitsPerUnit = 10;

}  // namespace

std::optional<std::uint64_t> parse_bytes(std::string_view text) {
  unsigned shift = 0;
  if (!text.empty()) {
    const auto last = static_cast<unsigned char>(text.back());
    const auto unit = kUnits.find(static_cast<char>(std::toupper(last)));
    if (unit != std::string_view::npos) {
      shift = kBitsPerUnit * static_cast<unsigned>(unit + 1);
      text.remove_suffix(1);
    }
  }
  std::uint64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data(), end, number);
  if (error != std::errc() || parsed_to != end ||
      number > std::numeric_limits<std::uint64_t>::max() >> shift) {
    return std::nullopt;
  }
  return number << shift;
}

std::string format_bytes(std::uint64_t bytes) {
  std::size_t unit = kUnits.size();
  while (unit > 0 && bytes >> (kBitsPerUnit * unit) == 0) {
    --unit;
  }
  if (unit == 0) {
    return std::to_string(bytes);
  }
  const std::uint64_t one = std::uint64_t{1} << (kBitsPerUnit * unit);
  if (bytes % one == 0) {
    return fmt::format("{}{}", bytes / one, kUnits[unit - 1]);
  }
  return fmt::format("{:.1f}{}", static_cast<double>(bytes) / static_cast<double>(one),
                     kUnits[unit - 1]);
}

}  // namespace compiler_gym::internal
