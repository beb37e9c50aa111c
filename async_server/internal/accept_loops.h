// Takes the calls that come to a server, one after the other.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <memory>

#include "async_server/internal/access.h"
#include "async_server/internal/admission.h"
#include "async_server/internal/client_turns.h"
#include "async_server/internal/grpc_server.h"
#include "async_server/internal/incoming_call.h"
#include "async_server/internal/reply_budget.h"
#include "async_server/internal/rpc_handlers.h"
#include "async_server/internal/stream_call.h"
#include "async_server/internal/stream_server.h"
#include "async_server/server.h"
#include "async_server/service_runtime.h"
#include "core/gate.h"
#include "core/support/logger.h"

namespace compiler_gym::internal {

/// Some slots for each method, each of which is one loop: it asks gRPC for a call, lets it in or not,
/// hands it on, and asks for the next. Streams are served here, unary calls by RpcHandlers.
/// Threads:  on the pump's executor; start() and stop() from any thread.
/// Lifetime: stop() must have completed before it is destroyed, if it was started. What it is given
///           must outlive it.
class AcceptLoops {
 public:
  AcceptLoops(GrpcServer& server, ServiceRuntime& runtime, const Access& access,
              ReplyBudget& replies, const ServerOptions& options, Logger& logger);
  AcceptLoops(const AcceptLoops&) = delete;
  AcceptLoops& operator=(const AcceptLoops&) = delete;

  /// Once, when the server is built.
  void start();
  /// Completes when every loop and every call has ended, as they do when gRPC has shut down.
  [[nodiscard]] boost::asio::awaitable<void> stop();

 private:
  // Counted, and what leaves it as an exception is logged.
  void spawn(const char* name, boost::asio::awaitable<void> part);
  [[nodiscard]] boost::asio::awaitable<void> accept_calls(const UnaryMethod& method);
  [[nodiscard]] grpc::Status admit(const UnaryMethod& method, IncomingCall& call);
  [[nodiscard]] boost::asio::awaitable<void> accept_streams();

  GrpcServer& server_;
  Admission& admission_;
  const Access& access_;
  ReplyBudget& replies_;
  const ServerOptions& options_;
  Logger& logger_;
  ClientTurns start_workers_;
  RpcHandlers<IncomingCall> handlers_;
  StreamServer streams_;
  Gate gate_;  // calls, and what spawn() started
};

}  // namespace compiler_gym::internal
