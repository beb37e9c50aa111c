// One unary call of a gRPC client, from its start to its handler.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <boost/asio/associator.hpp>
#include <memory>
#include <utility>

#include "core/async_tag.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// What must stay where it is while gRPC works on the call.
template <typename Reply>
struct UnaryCall {
  grpc::ClientContext rpc_context;
  Reply reply;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Reply>> reader;
};

/// Turns the event of a call's Finish into its result. Forwards the associators of `Handler` (see
/// the end of this file), so that its executor, allocator and cancellation slot are used.
template <typename Reply, typename Handler>
struct UnaryCallHandler {
  std::unique_ptr<UnaryCall<Reply>> call;
  Handler handler;

  // For a client's Finish the event is always ok: failures are in the status.
  void operator()(bool /*ok*/) && {
    Result<Reply> result =
        call->status.ok() ? Result<Reply>(std::move(call->reply)) : Result<Reply>(call->status);
    call.reset();  // gives the call's memory back before the handler starts the next
    std::move(handler)(std::move(result));
  }
};

template <typename Executor, typename Reply, typename Handler>
void start_unary_call(const Executor& executor, std::unique_ptr<UnaryCall<Reply>> call,
                      Handler handler) {
  UnaryCall<Reply>* const state = call.get();
  async_tag(
      executor,
      [state](void* tag) {
        state->reader->StartCall();
        state->reader->Finish(&state->reply, &state->status, tag);
      },
      [state] { state->rpc_context.TryCancel(); },
      UnaryCallHandler<Reply, Handler>{std::move(call), std::move(handler)});
}

}  // namespace compiler_gym::internal

namespace boost::asio {

template <template <typename, typename> class Associator, typename Reply, typename Handler,
          typename DefaultCandidate>
struct associator<Associator, compiler_gym::internal::UnaryCallHandler<Reply, Handler>,
                  DefaultCandidate> : Associator<Handler, DefaultCandidate> {
  static auto get(
      const compiler_gym::internal::UnaryCallHandler<Reply, Handler>& handler) noexcept {
    return Associator<Handler, DefaultCandidate>::get(handler.handler);
  }
  static auto get(const compiler_gym::internal::UnaryCallHandler<Reply, Handler>& handler,
                  const DefaultCandidate& candidate) noexcept {
    return Associator<Handler, DefaultCandidate>::get(handler.handler, candidate);
  }
};

}  // namespace boost::asio
