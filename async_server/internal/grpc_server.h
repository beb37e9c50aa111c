// gRPC's server with the completion queue that its calls come from.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <memory>

#include "async_server/internal/access.h"
#include "async_server/internal/connection_acceptor.h"
#include "async_server/internal/listener.h"
#include "async_server/internal/stream_wire.h"
#include "async_server/internal/wire_service.h"
#include "async_server/server.h"
#include "core/completion_queue_pump.h"
#include "core/gate.h"
#include "core/support/logger.h"
#include "core/support/status.h"
#include "core/worker_pool.h"

namespace compiler_gym::internal {

/// From listening to the last event of the queue.
///
/// Why it stops in two steps: Shutdown() refuses new calls at once, but blocks until the running ones
/// are answered, so it has a thread of its own, because on the thread that reads the queue it would
/// wait for itself. Calls re-armed after a completion queue's shutdown are lost in silence, so the
/// queue is shut down when every accept loop and every call has gone, and read until it is empty.
///
/// Threads:  build() blocks, on any thread; the others on the runtime's strand.
/// Lifetime: after build(), whatever it returned, stop_reading() must have completed before it is
///           destroyed.
class GrpcServer {
 public:
  GrpcServer(boost::asio::io_context& io_context, Logger& logger)
      : io_context_(io_context),
        acceptor_(io_context.get_executor(), DescriptorReserve(kReservedDescriptors), logger),
        shutdown_thread_({.threads = 1, .name = "grpc-shutdown"}, logger) {}
  GrpcServer(const GrpcServer&) = delete;
  GrpcServer& operator=(const GrpcServer&) = delete;

  /// Listens. What comes waits until it is asked for. Returns where it can be reached.
  [[nodiscard]] Result<Reachable> build(const ServerOptions& options, const Access& access);
  /// Accepts connections and reads the queue from here on. After build().
  void start_reading();

  /// Refuses new calls, and completes when gRPC has nothing under way any more.
  [[nodiscard]] boost::asio::awaitable<void> shut_down();
  /// Shuts the queue down, on which no operation may be started any more, and completes when it is
  /// empty.
  [[nodiscard]] boost::asio::awaitable<void> stop_reading();
  /// Cancels the calls under way, and cuts connections once shut_down() has begun.
  void cancel_all_calls();
  /// Last.
  void destroy() { server_.reset(); }

  /// The rest is there once it is built.
  [[nodiscard]] grpc::Server* server() { return server_.get(); }
  [[nodiscard]] CompletionQueuePump& pump() { return *pump_; }
  [[nodiscard]] grpc::ServerCompletionQueue& queue() { return *queue_; }
  [[nodiscard]] WireService& wire_service() { return wire_service_; }
  [[nodiscard]] WireStream& wire_stream() { return wire_stream_; }

 private:
  // For the service's own files, sandbox processes and their sockets.
  static constexpr std::size_t kReservedDescriptors = 64;

  boost::asio::io_context& io_context_;
  WireService wire_service_;
  WireStream wire_stream_;
  std::unique_ptr<CompletionQueuePump> pump_;
  grpc::ServerCompletionQueue* queue_ = nullptr;  // the pump's
  ConnectionAcceptor acceptor_;
  std::unique_ptr<grpc::Server> server_;  // before its queue, and what accepts for it
  Gate reading_;
  // For Shutdown(). Made at start: none can be had later when the process limit is reached.
  WorkerPool shutdown_thread_;
};

}  // namespace compiler_gym::internal
