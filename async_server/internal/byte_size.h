// Sizes as people write them.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

namespace compiler_gym::internal {

/// `512`, `512K`, `64M`, `8G` or `1T`, with powers of 1024 and in either case. None for anything
/// else, and for what does not fit.
[[nodiscard]] std::optional<std::uint64_t> parse_bytes(std::string_view text);

/// The reverse, with one decimal where it does not come out even: `3.9G`.
[[nodiscard]] std::string format_bytes(std::uint64_t bytes);

}  // namespace compiler_gym::internal
