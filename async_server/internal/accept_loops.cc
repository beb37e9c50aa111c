#include "async_server/internal/accept_loops.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "async_server/internal/log_exception.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

AcceptLoops::AcceptLoops(GrpcServer& server, ServiceRuntime& runtime, const Access& access,
                         ReplyBudget& replies, const ServerOptions& options, Logger& logger)
    : server_(server),
      admission_(runtime.admission()),
      access_(access),
      replies_(replies),
      options_(options),
      logger_(logger),
      start_workers_(runtime.start_workers(), logger),
      handlers_(runtime.sessions(), start_workers_, logger),
      streams_(runtime, start_workers_, access, logger, options.streams) {}

void AcceptLoops::start() {
  for (int slot = 0; slot < options_.slots_per_method; ++slot) {
    for (const UnaryMethod& method : unary_methods()) {
      spawn("accept loop", accept_calls(method));
    }
    spawn("accept loop", accept_streams());
  }
}

awaitable<void> AcceptLoops::stop() {
  co_await gate_.async_close(use_awaitable);
}

void AcceptLoops::spawn(const char* name, awaitable<void> part) {
  boost::asio::co_spawn(
      server_.pump().executor(), std::move(part),
      [&logger = logger_, name, pass = gate_.try_enter()](const std::exception_ptr& error) {
        log_exception(logger, name, error);
      });
}

// One of a method's slots. The handler returns at once, so that the slot is armed again before the
// work is done.
awaitable<void> AcceptLoops::accept_calls(const UnaryMethod& method) {
  for (;;) {
    IncomingCall::Ptr call = IncomingCall::make(gate_.try_enter(), replies_, method.cancellable);
    const bool accepted = co_await call->async_accept(
        server_.wire_service(), method.accept, server_.pump(), server_.queue(), use_awaitable);
    if (!accepted) {
      co_return;  // the server is shutting down
    }
    call->accepted(admission_.running_calls().try_enter());
    if (const grpc::Status admitted = admit(method, *call); !admitted.ok()) {
      IncomingCall::finish(std::move(call), admitted);
      continue;
    }
    try {
      (handlers_.*method.handle)(std::move(call));
    } catch (...) {
      logger_.error("request handler: {}", to_string(status_from_current_exception()));
    }
  }
}

// What can be said of a call without looking into its request.
grpc::Status AcceptLoops::admit(const UnaryMethod& method, IncomingCall& call) {
  if (grpc::Status up = admission_.check(); !up.ok()) {
    return up;
  }
  if (grpc::Status allowed = access_.check(call.rpc_context()); !allowed.ok()) {
    return allowed;
  }
  Result<RequestBudget::Share> share =
      admission_.admit(method.admission_class, call.request_bytes());
  if (!share) {
    return share.error();
  }
  call.keep(*std::move(share));
  return grpc::Status::OK;
}

awaitable<void> AcceptLoops::accept_streams() {
  for (;;) {
    auto stream = std::make_shared<StreamCall>(gate_.try_enter(), replies_, options_.streams);
    const bool accepted = co_await stream->async_accept(server_.wire_stream(), server_.pump(),
                                                        server_.queue(), use_awaitable);
    if (!accepted) {
      co_return;  // the server is shutting down
    }
    stream->accepted(admission_.running_calls().try_enter());
    spawn("stream", streams_.serve(std::move(stream), server_.pump()));
  }
}

}  // namespace compiler_gym::internal
