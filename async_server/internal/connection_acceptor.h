// Connections on their way from the listening sockets to gRPC.
#pragma once

#include <grpcpp/server_builder.h>

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/strand.hpp>
#include <cstdint>
#include <memory>
#include <vector>

#include "async_server/internal/access.h"
#include "async_server/internal/listening_socket.h"
#include "core/gate.h"
#include "core/posix/descriptor_reserve.h"
#include "core/support/clock.h"
#include "core/support/logger.h"

namespace compiler_gym::internal {

/// Accepts connections and hands them to gRPC's server, as long as that leaves descriptors in
/// reserve; beyond, a client's connection is closed at once (UNAVAILABLE there), and those that come
/// when others have gone are accepted again. gRPC's own acceptor does neither: after one EMFILE, 1.51
/// never accepts again.
///
/// Threads:  add() and start() from any thread, before the server is known to others; stop() from any
///           coroutine. It accepts on a strand of its own.
/// Lifetime: stop() must have completed before it is destroyed, if start() was called, and it must
///           outlive the server.
class ConnectionAcceptor {
 public:
  ConnectionAcceptor(boost::asio::any_io_executor executor, DescriptorReserve reserve,
                     Logger& logger);
  ConnectionAcceptor(const ConnectionAcceptor&) = delete;
  ConnectionAcceptor& operator=(const ConnectionAcceptor&) = delete;

  /// Before the server is built.
  void add(grpc::ServerBuilder& builder, ListeningSocket socket, const Access& access);

  /// Once the server is there.
  void start();

  /// Closes the listening sockets, removes their files, and completes when nothing is accepted any more.
  [[nodiscard]] boost::asio::awaitable<void> stop();

 private:
  struct AcceptingSocket {
    boost::asio::posix::stream_descriptor socket;
    std::unique_ptr<grpc::experimental::ExternalConnectionAcceptor> grpc_acceptor;
    Timer pause;
    SocketFile socket_file;
  };

  [[nodiscard]] boost::asio::awaitable<void> accept_from(AcceptingSocket& accepting);
  [[nodiscard]] boost::asio::awaitable<void> close_on_strand();
  /// False if there is nothing to accept, or no means to.
  [[nodiscard]] bool accept_one(AcceptingSocket& accepting);
  void log_refused(std::size_t descriptors);

  const boost::asio::strand<boost::asio::any_io_executor> strand_;
  const DescriptorReserve reserve_;
  Logger& logger_;
  std::vector<std::unique_ptr<AcceptingSocket>> sockets_;
  std::uint64_t refused_ = 0;  // in a row
  bool stopping_ = false;
  Gate running_;
};

}  // namespace compiler_gym::internal
