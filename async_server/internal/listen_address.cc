#include "async_server/internal/listen_address.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/system_error.hpp>
#include <charconv>
#include <string_view>

namespace compiler_gym::internal {
namespace {

namespace asio = boost::asio;
constexpr std::string_view kUnixPrefix = "unix:";

// Throws boost::system::system_error if a socket cannot listen there.
void try_to_listen(const ListenAddress& address) {
  asio::io_context io_context;
  if (address.is_unix()) {
    // Not bound: that would fail on the socket file a stopped service left, which gRPC removes.
    asio::local::stream_protocol::endpoint(address.path);
    return;
  }
  asio::ip::tcp::resolver resolver(io_context);
  for (const auto& entry : resolver.resolve(address.host, std::to_string(address.port))) {
    asio::ip::tcp::acceptor(io_context, entry.endpoint());
  }
}

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

grpc::Status why_not_listening(const std::vector<std::string>& addresses) {
  for (const std::string& text : addresses) {
    const Result<ListenAddress> address = parse_listen_address(text);
    if (!address) {
      return address.error();
    }
    try {
      try_to_listen(*address);
    } catch (const boost::system::system_error& error) {
      return unavailable(fmt::format("cannot listen on {}: {}", text, error.code().message()));
    }
  }
  return unavailable(fmt::format("cannot listen on {}", fmt::join(addresses, ", ")));
}

}  // namespace compiler_gym::internal
