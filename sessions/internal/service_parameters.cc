#include "sessions/internal/service_parameters.h"

#include <fmt/core.h>

#include <charconv>
#include <cstddef>

namespace compiler_gym::internal {
namespace {

Result<std::size_t> parse_bytes(const std::string& key, const std::string& value) {
  std::size_t bytes = 0;
  const char* const end = value.data() + value.size();
  const auto [parsed_to, error] = std::from_chars(value.data(), end, bytes);
  if (error != std::errc() || parsed_to != end) {
    return invalid_argument(
        fmt::format("{}: expected a number of bytes, 0 or more, received: '{}'", key, value));
  }
  return bytes;
}

}  // namespace

Result<std::string> handle_service_parameter(BenchmarkCache& benchmarks, const std::string& key,
                                             const std::string& value) {
  if (key == "service.benchmark_cache.set_max_size_in_bytes") {
    const Result<std::size_t> max_size_in_bytes = parse_bytes(key, value);
    if (!max_size_in_bytes) {
      return max_size_in_bytes.error();
    }
    if (!benchmarks.choose_max_size_in_bytes(*max_size_in_bytes)) {
      return invalid_argument(
          fmt::format("{}: the service keeps {} bytes of benchmarks at most, received: '{}'", key,
                      benchmarks.operators_max_size_in_bytes(), value));
    }
    return value;
  }
  if (key == "service.benchmark_cache.get_max_size_in_bytes") {
    return std::to_string(benchmarks.max_size_in_bytes());
  }
  if (key == "service.benchmark_cache.get_size_in_bytes") {
    return std::to_string(benchmarks.size_in_bytes());
  }
  return invalid_argument("Unknown parameter: " + key);
}

}  // namespace compiler_gym::internal
