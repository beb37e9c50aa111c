// Where a server listens.
#pragma once

#include <string>

#include "core/support/status.h"

namespace compiler_gym::internal {

/// `host:port` (an IPv6 host in brackets) or `unix:PATH`.
struct ListenAddress {
  std::string host;  ///< without brackets; empty for a unix socket
  int port = 0;      ///< 0: any that is free
  std::string path;  ///< of a unix socket

  [[nodiscard]] bool is_unix() const { return host.empty(); }
  [[nodiscard]] std::string to_string() const;
};

/// INVALID_ARGUMENT if the text is neither form.
[[nodiscard]] Result<ListenAddress> parse_listen_address(const std::string& text);

}  // namespace compiler_gym::internal
