#include "async_server/internal/listening_socket.h"

#include <fmt/core.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <boost/system/error_code.hpp>
#include <boost/system/result.hpp>
#include <cerrno>
#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "async_server/internal/unix_socket.h"

namespace compiler_gym::internal {
namespace {

// What the system says is kept until it is known what it means.
using SocketResult = boost::system::result<FileDescriptor>;

grpc::Status cannot_listen(const ListenAddress& address, const std::string& reason) {
  return unavailable(fmt::format("cannot listen on {}: {}", address.to_string(), reason));
}

boost::system::error_code last_error() {
  return {errno, boost::system::system_category()};
}

// Whether the machine lacks the address, rather than somebody else having it.
bool is_missing(const boost::system::error_code& error) {
  return error.value() == EAFNOSUPPORT || error.value() == EADDRNOTAVAIL ||
         error.value() == EPROTONOSUPPORT || error.value() == EPERM;
}

int port_of(const FileDescriptor& socket) {
  sockaddr_in6 bound{};  // the port is where an IPv4 address has it, too
  socklen_t size = sizeof(bound);
  return getsockname(socket.get(), reinterpret_cast<sockaddr*>(&bound), &size) == 0
             ? ntohs(bound.sin6_port)
             : 0;
}

// Where an IPv4 address has it, an IPv6 address has it, too.
void set_port(sockaddr& address, int port) {
  reinterpret_cast<sockaddr_in&>(address).sin_port = htons(static_cast<std::uint16_t>(port));
}

SocketResult bound_socket(const sockaddr* address, socklen_t size) {
  FileDescriptor bound(socket(address->sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!bound) {
    return last_error();
  }
  const int on = 1;
  // Not SO_REUSEPORT: a port that is taken is an error rather than a share.
  if (address->sa_family != AF_UNIX &&
      setsockopt(bound.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) != 0) {
    return last_error();
  }
  // What is accepted inherits it; gRPC writes what it has in one piece.
  if (address->sa_family != AF_UNIX &&
      setsockopt(bound.get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on)) != 0) {
    return last_error();
  }
  if (address->sa_family == AF_INET6 &&
      setsockopt(bound.get(), IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on)) != 0) {
    return last_error();
  }
  if (bind(bound.get(), address, size) != 0) {
    return last_error();
  }
  return bound;
}

SocketResult listening(SocketResult socket) {
  if (socket && listen(socket->get(), SOMAXCONN) != 0) {
    return last_error();
  }
  return socket;
}

Result<std::vector<ListeningSocket>> listen_on_path(const ListenAddress& address, mode_t mode) {
  if (grpc::Status free = make_room_for_socket(address.path); !free.ok()) {
    return free;
  }
  sockaddr_un file{};
  file.sun_family = AF_UNIX;
  if (address.path.size() >= sizeof(file.sun_path)) {
    return cannot_listen(address, fmt::format("the path of a socket has at most {} bytes",
                                              sizeof(file.sun_path) - 1));
  }
  address.path.copy(file.sun_path, address.path.size());
  SocketResult socket = bound_socket(reinterpret_cast<const sockaddr*>(&file), sizeof(file));
  if (!socket) {
    return cannot_listen(address, socket.error().message());
  }
  // Before it listens: until then nobody can connect, whatever the umask has let them.
  if (grpc::Status permitted = set_socket_mode(address.path, mode); !permitted.ok()) {
    return permitted;
  }
  socket = listening(std::move(socket));
  if (!socket) {
    return cannot_listen(address, socket.error().message());
  }
  std::vector<ListeningSocket> sockets;
  sockets.push_back({*std::move(socket), address, SocketFile::at(address.path)});
  return sockets;
}

SocketResult listen_on(const sockaddr_in& address) {
  return listening(bound_socket(reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
}
SocketResult listen_on(const sockaddr_in6& address) {
  return listening(bound_socket(reinterpret_cast<const sockaddr*>(&address), sizeof(address)));
}

// One try: both loopback addresses, or the one that the machine has.
Result<std::vector<ListeningSocket>> listen_on_loopback(int port) {
  sockaddr_in four{};
  four.sin_family = AF_INET;
  four.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  four.sin_port = htons(static_cast<std::uint16_t>(port));
  sockaddr_in6 six{};
  six.sin6_family = AF_INET6;
  six.sin6_addr = in6addr_loopback;

  std::vector<ListeningSocket> sockets;
  ListenAddress address{.host = "127.0.0.1", .port = port, .path = {}};
  SocketResult socket = listen_on(four);
  if (!socket && !is_missing(socket.error())) {
    return cannot_listen(address, socket.error().message());
  }
  if (socket) {
    address.port = port_of(*socket);
    sockets.push_back({*std::move(socket), address, {}});
  }
  address.host = "::1";
  six.sin6_port = htons(static_cast<std::uint16_t>(address.port));
  socket = listen_on(six);
  if (!socket && (sockets.empty() || !is_missing(socket.error()))) {
    return cannot_listen(address, socket.error().message());
  }
  if (socket) {
    address.port = port_of(*socket);
    sockets.push_back({*std::move(socket), address, {}});
  }
  return sockets;
}

Result<std::vector<ListeningSocket>> listen_on_localhost(const ListenAddress& address) {
  // A port that one of them has free can be somebody's on the other.
  const int tries = address.port == 0 ? 100 : 1;
  Result<std::vector<ListeningSocket>> sockets = listen_on_loopback(address.port);
  for (int i = 1; i < tries && !sockets; ++i) {
    sockets = listen_on_loopback(address.port);
  }
  return sockets;
}

Result<std::vector<ListeningSocket>> listen_on_host(const ListenAddress& address) {
  addrinfo hints{};
  hints.ai_flags = AI_PASSIVE | AI_NUMERICSERV;
  hints.ai_socktype = SOCK_STREAM;
  addrinfo* found = nullptr;
  const int error =
      getaddrinfo(address.host.c_str(), std::to_string(address.port).c_str(), &hints, &found);
  const std::unique_ptr<addrinfo, decltype(&freeaddrinfo)> entries(found, &freeaddrinfo);
  if (error != 0) {
    return cannot_listen(address, gai_strerror(error));
  }
  std::vector<ListeningSocket> sockets;
  ListenAddress bound = address;
  boost::system::error_code missing;
  for (const addrinfo* entry = entries.get(); entry != nullptr; entry = entry->ai_next) {
    set_port(*entry->ai_addr, bound.port);
    SocketResult socket = listening(bound_socket(entry->ai_addr, entry->ai_addrlen));
    if (socket) {
      bound.port = port_of(*socket);  // which the name's other addresses are to have as well
      sockets.push_back({*std::move(socket), bound, {}});
    } else if (is_missing(socket.error())) {
      missing = socket.error();
    } else {
      return cannot_listen(bound, socket.error().message());
    }
  }
  return sockets.empty()
             ? Result<std::vector<ListeningSocket>>(cannot_listen(address, missing.message()))
             : std::move(sockets);
}

}  // namespace

Result<std::vector<ListeningSocket>> open_listening_sockets(const ListenAddress& address,
                                                            mode_t unix_socket_mode) {
  if (address.is_unix()) {
    return listen_on_path(address, unix_socket_mode);
  }
  return address.host == "localhost" ? listen_on_localhost(address) : listen_on_host(address);
}

}  // namespace compiler_gym::internal
