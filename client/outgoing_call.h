// One unary call of a gRPC client, from its start to its handler: what ServiceClient is made of.
#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <boost/asio/associator.hpp>
#include <memory>
#include <utility>

#include "core/async_tag.h"
#include "core/support/status.h"

namespace compiler_gym {

/// What must stay where it is while gRPC works on the call.
template <typename Reply>
struct OutgoingCall {
  grpc::ClientContext rpc_context;
  Reply reply;
  grpc::Status status;
  std::unique_ptr<grpc::ClientAsyncResponseReader<Reply>> reader;
};

/// Turns the event of a call's Finish into its result. Forwards the associators of `Handler` (see
/// the end of this file), so that its executor, allocator and cancellation slot are used.
template <typename Reply, typename Handler>
struct OutgoingCallHandler {
  std::unique_ptr<OutgoingCall<Reply>> call;
  Handler handler;

  // For a client's Finish the event is always ok: failures are in the status.
  void operator()(bool /*ok*/) && {
    Result<Reply> result =
        call->status.ok() ? Result<Reply>(std::move(call->reply)) : Result<Reply>(call->status);
    call.reset();  // gives the call's memory back before the handler starts the next
    std::move(handler)(std::move(result));
  }
};

/// Starts a call whose reader was prepared with its `rpc_context`. The handler, void(Result<Reply>),
/// runs on its associated executor, or on `executor`, which is that of the queue's pump. Its
/// cancellation slot, if it has one, cancels the call.
template <typename Executor, typename Reply, typename Handler>
void start_outgoing_call(const Executor& executor, std::unique_ptr<OutgoingCall<Reply>> call,
                         Handler handler) {
  OutgoingCall<Reply>* const state = call.get();
  async_tag(
      executor,
      // `reader` is read before the tag is armed: what orders later reads with the call's end lies in
      // gRPC, where ThreadSanitizer does not look.
      [state, reader = state->reader.get()](void* tag) {
        reader->StartCall();
        reader->Finish(&state->reply, &state->status, tag);
      },
      [state] { state->rpc_context.TryCancel(); },
      OutgoingCallHandler<Reply, Handler>{std::move(call), std::move(handler)});
}

}  // namespace compiler_gym

namespace boost::asio {

template <template <typename, typename> class Associator, typename Reply, typename Handler,
          typename DefaultCandidate>
struct associator<Associator, compiler_gym::OutgoingCallHandler<Reply, Handler>, DefaultCandidate>
    : Associator<Handler, DefaultCandidate> {
  static auto get(const compiler_gym::OutgoingCallHandler<Reply, Handler>& handler) noexcept {
    return Associator<Handler, DefaultCandidate>::get(handler.handler);
  }
  static auto get(const compiler_gym::OutgoingCallHandler<Reply, Handler>& handler,
                  const DefaultCandidate& candidate) noexcept {
    return Associator<Handler, DefaultCandidate>::get(handler.handler, candidate);
  }
};

}  // namespace boost::asio
