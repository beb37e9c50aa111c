// From the bytes of a request to the bytes of its reply: which thread parses, which works, which
// answers.
#pragma once

#include <array>
#include <cstddef>
#include <string>

#include "async_server/internal/request_budget.h"
#include "async_server/internal/streamed_request.h"
#include "async_server/internal/unary_call.h"
#include "core/support/logger.h"
#include "core/worker_pool.h"
#include "sessions/session_service.h"

namespace compiler_gym::internal {

/// One function per RPC. Each takes a request on the thread that reads the completion queue, and
/// returns without waiting: what takes long goes to a worker, which also answers, with no hop back.
/// `Call` is UnaryCall or StreamedRequest; what Call::kInOrder comes in an order which EndSession
/// keeps to as well.
template <typename Call>
class RpcHandlers {
 public:
  using CallPtr = typename Call::Ptr;

  /// `start_workers` run StartSession and AddBenchmark, apart from the steps of open sessions.
  RpcHandlers(SessionService& service, WorkerPool& start_workers, Logger& logger,
              std::string service_version);

  void get_version(CallPtr call);
  void get_spaces(CallPtr call);
  void start_session(CallPtr call);
  void fork_session(CallPtr call);
  void end_session(CallPtr call);
  void step(CallPtr call);
  void add_benchmark(CallPtr call);
  void send_session_parameter(CallPtr call);

 private:
  template <typename Request, typename Reply, typename Start>
  void in_session(const char* rpc, CallPtr call, Start start);
  template <typename Request, typename Reply, typename Start>
  void on_start_worker(const char* rpc, CallPtr call, Start start);

  SessionService& service_;
  WorkerPool& start_workers_;
  Logger& logger_;
  const std::string service_version_;
};

/// How one RPC is served.
template <typename Call>
struct Method {
  void (RpcHandlers<Call>::*handle)(typename Call::Ptr);
  /// Whether its work can be cancelled, see UnaryCall.
  bool cancellable;
  RequestKind kind;
};

constexpr std::size_t kMethodCount = 8;

/// All methods of the service, in the order of StreamRequest's fields.
template <typename Call>
[[nodiscard]] const std::array<Method<Call>, kMethodCount>& methods();

/// How the next unary call of each is asked for, in the same order.
[[nodiscard]] const std::array<UnaryCall::Request, kMethodCount>& unary_requests();

extern template class RpcHandlers<UnaryCall>;
extern template class RpcHandlers<StreamedRequest>;

}  // namespace compiler_gym::internal
