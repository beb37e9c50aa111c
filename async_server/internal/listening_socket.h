// The sockets that clients connect to.
#pragma once

#include <sys/types.h>

#include <vector>

#include "async_server/internal/listen_address.h"
#include "async_server/internal/unix_socket.h"
#include "core/posix/file_descriptor.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

struct ListeningSocket {
  FileDescriptor socket;     ///< non-blocking
  ListenAddress address;     ///< with the port that was found
  SocketFile socket_file{};  ///< of a unix socket
};

/// Listens on an address. A host may have several addresses; `localhost` is both loopback addresses
/// with one port, so that whoever says `localhost` reaches this service and no stranger's. Of these
/// the machine needs to have one. An IPv6 address takes no IPv4 clients. Blocks.
///
/// Errors: UNAVAILABLE `cannot listen on <address>: <reason>`.
[[nodiscard]] Result<std::vector<ListeningSocket>> open_listening_sockets(
    const ListenAddress& address, mode_t unix_socket_mode);

}  // namespace compiler_gym::internal
