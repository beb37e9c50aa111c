#include "async_server/internal/connection_acceptor.h"

#include <sys/socket.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <utility>

#include "core/posix/file_descriptor.h"

namespace compiler_gym::internal {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

ConnectionAcceptor::ConnectionAcceptor(asio::any_io_executor executor, DescriptorReserve reserve,
                                       Logger& logger)
    : strand_(std::move(executor)), reserve_(reserve), logger_(logger) {}

void ConnectionAcceptor::add(grpc::ServerBuilder& builder, ListeningSocket socket,
                             const Access& access) {
  auto grpc_acceptor = builder.experimental().AddExternalConnectionAcceptor(
      grpc::ServerBuilder::experimental_type::ExternalConnectionType::FROM_FD,
      access.credentials(socket.address));
  sockets_.push_back(std::make_unique<AcceptingSocket>(
      AcceptingSocket{stream_descriptor(strand_, socket.socket.release()), std::move(grpc_acceptor),
                      Timer(strand_), std::move(socket.socket_file)}));
}

void ConnectionAcceptor::start() {
  for (const std::unique_ptr<AcceptingSocket>& accepting : sockets_) {
    asio::co_spawn(strand_, accept_from(*accepting),
                   [this, pass = running_.try_enter()](const std::exception_ptr& error) {
                     if (error != nullptr) {
                       std::rethrow_exception(error);  // a bug of ours: it does not throw
                     }
                   });
  }
}

asio::awaitable<void> ConnectionAcceptor::stop() {
  co_await asio::co_spawn(strand_, close_on_strand(), asio::use_awaitable);
  co_await running_.async_close(asio::use_awaitable);
}

asio::awaitable<void> ConnectionAcceptor::close_on_strand() {
  stopping_ = true;
  for (const std::unique_ptr<AcceptingSocket>& accepting : sockets_) {
    accepting->socket_file.remove();  // first: without a listener, it could be another's at once
    accepting->socket.close();
    accepting->pause.cancel();
  }
  co_return;
}

asio::awaitable<void> ConnectionAcceptor::accept_from(AcceptingSocket& accepting) {
  constexpr auto kPause = std::chrono::milliseconds(100);
  while (!stopping_) {
    const auto [error] = co_await accepting.socket.async_wait(stream_descriptor::wait_read,
                                                              asio::as_tuple(asio::use_awaitable));
    if (error) {
      co_return;  // stopped
    }
    while (!stopping_ && accept_one(accepting)) {
    }
    const bool without_means = errno != EAGAIN && errno != EWOULDBLOCK;
    if (!stopping_ && without_means) {
      logger_.error("no connection can be accepted: {}", std::strerror(errno));
      accepting.pause.expires_after(kPause);  // or the processor is kept busy for as long
      co_await accepting.pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
  }
}

bool ConnectionAcceptor::accept_one(AcceptingSocket& accepting) {
  FileDescriptor connection(
      accept4(accepting.socket.native_handle(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
  if (!connection) {
    return errno == ECONNABORTED || errno == EINTR || errno == EPROTO;
  }
  if (reserve_.covers(connection.get())) {
    log_refused(static_cast<std::size_t>(connection.get()));
    return true;
  }
  refused_ = 0;
  grpc::experimental::ExternalConnectionAcceptor::NewConnectionParameters accepted;
  accepted.listener_fd = accepting.socket.native_handle();
  accepted.fd = connection.release();
  accepting.grpc_acceptor->HandleNewConnection(&accepted);
  return true;
}

// The first of a row, then ever fewer.
void ConnectionAcceptor::log_refused(std::size_t descriptors) {
  ++refused_;
  if ((refused_ & (refused_ - 1)) == 0) {
    logger_.error(
        "a connection was refused ({} in a row): {} file descriptors are in use, {} may be",
        refused_, descriptors, reserve_.usable());
  }
}

}  // namespace compiler_gym::internal
