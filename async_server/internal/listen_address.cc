#include "async_server/internal/listen_address.h"

#include <fmt/core.h>

#include <charconv>
#include <string_view>

namespace compiler_gym::internal {
namespace {

constexpr std::string_view kUnixPrefix = "unix:";

}  // namespace

std::string ListenAddress::to_string() const {
  if (is_unix()) {
    return fmt::format("{}{}", kUnixPrefix, path);
  }
  return host.find(':') == std::string::npos ? fmt::format("{}:{}", host, port)
                                             : fmt::format("[{}]:{}", host, port);
}

Result<ListenAddress> parse_listen_address(const std::string& text) {
  const grpc::Status malformed =
      invalid_argument(fmt::format("'{}' is neither host:port nor unix:PATH", text));
  ListenAddress address;
  if (text.starts_with(kUnixPrefix)) {
    address.path = text.substr(kUnixPrefix.size());
    return address.path.empty() ? Result<ListenAddress>(malformed) : address;
  }
  const auto colon = text.rfind(':');
  if (colon == std::string::npos || colon == 0) {
    return malformed;
  }
  address.host = text.substr(0, colon);
  if (address.host.starts_with('[') && address.host.ends_with(']')) {
    address.host = address.host.substr(1, address.host.size() - 2);
  }
  const char* const end = text.data() + text.size();
  const auto [parsed_to, error] = std::from_chars(text.data() + colon + 1, end, address.port);
  if (error != std::errc() || parsed_to != end || address.port < 0 || address.port > 65'535 ||
      address.host.empty()) {
    return malformed;
  }
  return address;
}

}  // namespace compiler_gym::internal
