#include "async_server/internal/grpc_server.h"

#include <grpc/grpc.h>
#include <grpcpp/server_builder.h>

#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "core/run_on.h"

namespace compiler_gym::internal {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

Result<Reachable> GrpcServer::build(const ServerOptions& options, const Access& access) {
  grpc::ServerBuilder builder;
  builder.RegisterService(&wire_service_);
  builder.RegisterService(&wire_stream_);
  auto queue = builder.AddCompletionQueue();
  queue_ = queue.get();
  pump_ = std::make_unique<CompletionQueuePump>(
      io_context_, std::move(queue), CompletionQueuePumpOptions{.max_wait = options.max_wait});
  Result<Listener> listener = start_listening(builder, options, access, acceptor_);
  if (!listener) {
    return listener.error();
  }
  server_ = std::move(listener->server);
  return std::move(listener->reachable);
}

void GrpcServer::start_reading() {
  pump_->async_run([pass = reading_.try_enter()] {});
  acceptor_.start();
}

awaitable<void> GrpcServer::shut_down() {
  co_await acceptor_.stop();
  if (server_ != nullptr) {
    co_await run_on(shutdown_thread_.executor(), [this] { server_->Shutdown(); });
  }
}

awaitable<void> GrpcServer::stop_reading() {
  if (pump_ != nullptr) {
    pump_->shutdown();
    co_await reading_.async_close(use_awaitable);
  }
}

void GrpcServer::cancel_all_calls() {
  if (server_ != nullptr) {
    grpc_server_cancel_all_calls(server_->c_server());
  }
}

}  // namespace compiler_gym::internal
