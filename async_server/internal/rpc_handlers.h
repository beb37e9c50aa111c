// From the bytes of a request to the bytes of its reply: which thread parses, which works, which
// answers.
#pragma once

#include <cstddef>
#include <vector>

#include "async_server/internal/client_turns.h"
#include "async_server/internal/incoming_call.h"
#include "async_server/internal/request_budget.h"
#include "async_server/internal/streamed_request.h"
#include "core/support/logger.h"
#include "sessions/session_service.h"

namespace compiler_gym::internal {

/// Takes a request on the thread that reads the completion queue, and returns without waiting: what
/// takes long goes to a worker, which also answers, with no hop back. What each RPC asks for is in
/// RpcService. `Call` is IncomingCall or StreamedRequest; what Call::kInOrder comes in an order which
/// EndSession keeps to as well, and is parsed on the thread that calls handle(), whatever its size.
template <typename Call>
class RpcHandlers {
 public:
  using CallPtr = typename Call::Ptr;

  /// `start_workers` run what RpcService says, apart from the steps of open sessions.
  RpcHandlers(SessionService& service, ClientTurns& start_workers, Logger& logger)
      : service_(service), start_workers_(start_workers), logger_(logger) {}

  template <typename Rpc>
  void handle(CallPtr call);

 private:
  // Parse, and ask the sessions.
  template <typename Rpc>
  void start_on_this_thread(CallPtr call);
  template <typename Rpc>
  void start_parsed(CallPtr call);
  template <typename Rpc>
  void start_forwarding(CallPtr call);
  template <typename Rpc>
  void start_on_start_worker(CallPtr call);

  SessionService& service_;
  ClientTurns& start_workers_;
  Logger& logger_;
};

/// On the thread where it arrives, which serves everybody, no larger request is parsed: a Step of 100 MB
/// takes seconds.
inline constexpr std::size_t kMaxParsedOnArrival = std::size_t{64} * 1024;

/// How one RPC is served.
template <typename Call>
struct Method {
  void (RpcHandlers<Call>::*handle)(typename Call::Ptr);
  /// Whether its work can be cancelled, see IncomingCall.
  bool cancellable;
  AdmissionClass admission_class;
};

struct UnaryMethod : Method<IncomingCall> {
  IncomingCall::AcceptFunction accept;
};

/// Every RPC's.
[[nodiscard]] const std::vector<UnaryMethod>& unary_methods();

/// That of the RPC whose requests have this field of StreamRequest; null if there is none.
[[nodiscard]] const Method<StreamedRequest>* stream_method(int field);

}  // namespace compiler_gym::internal
