// One unary RPC of the server, from its arrival to the last gRPC event about it.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>
#include <grpcpp/support/byte_buffer.h>
#include <grpcpp/support/slice.h>

#include <atomic>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "async_server/internal/client_turns.h"
#include "async_server/internal/message_arena.h"
#include "async_server/internal/reply_budget.h"
#include "async_server/internal/request_budget.h"
#include "async_server/internal/unread_reply.h"
#include "async_server/internal/wire_service.h"
#include "core/async_tag.h"
#include "core/completion_queue_pump.h"
#include "core/completion_tag.h"
#include "core/gate.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// Lifetime: owned by a Ptr until it is answered; from then on by gRPC's two events about it,
///           that the answer was sent and that the call is over, which come in either order. A Ptr
///           that is destroyed before answers by itself, so that no client waits for a reply that
///           nobody will send.
/// Threads:  one at a time, except that the stop source is triggered from the completion queue's
///           thread.
/// Memory:   messages lie in the call's arena and go when it is answered; the bytes of the reply when
///           the client has read them, or when the reply budget gives them up.
class IncomingCall {
 public:
  /// Answers with INTERNAL what has not been answered.
  struct Deleter {
    void operator()(IncomingCall* call) const;
  };
  using Ptr = std::unique_ptr<IncomingCall, Deleter>;

  /// See RpcHandlers.
  static constexpr bool kInOrder = false;

  using AcceptFunction = void (WireService::*)(grpc::ServerContext*, grpc::ByteBuffer*,
                                               grpc::ServerAsyncResponseWriter<grpc::ByteBuffer>*,
                                               grpc::CompletionQueue*, grpc::ServerCompletionQueue*,
                                               void*);

  /// `pass` is given back when gRPC is done with the call; the answer counts in `replies`. Without
  /// `cancellable` nothing is heard of a client that leaves: for methods that are answered at once,
  /// for which it saves an event.
  [[nodiscard]] static Ptr make(Gate::Pass pass, ReplyBudget& replies, bool cancellable);

  /// Asks the service for the next RPC of one method. Completes with false if the server is
  /// shutting down. Signature: void(bool).
  template <typename Token>
  auto async_accept(WireService& service, AcceptFunction accept, CompletionQueuePump& pump,
                    grpc::ServerCompletionQueue& queue, Token&& token) {
    return async_tag(
        pump.executor(),
        [this, &service, accept, &queue](void* tag) {
          (service.*accept)(&rpc_context_, &request_, &responder_, &queue, &queue, tag);
        },
        std::forward<Token>(token));
  }

  /// To be called when async_accept() has completed with true. `running` is given back when the
  /// call is over.
  void accepted(Gate::Pass running) { running_ = std::move(running); }

  /// To be called when there is room for an accepted call; `share` is given back when it is
  /// answered.
  void keep(RequestBudget::Share share) { share_ = std::move(share); }

  /// Once accepted: what the client sent along, and how large its request is, not parsed.
  [[nodiscard]] const grpc::ServerContext& rpc_context() const { return rpc_context_; }
  [[nodiscard]] std::size_t request_bytes() const { return request_.Length(); }
  /// Made on demand: it takes a look at the connection.
  [[nodiscard]] ClientId client() const { return client_of(rpc_context_.peer()); }

  /// Whose messages go when this is answered.
  [[nodiscard]] MessageArena<1024>& arena() { return arena_; }

  /// INVALID_ARGUMENT if the bytes are not a message of that type.
  [[nodiscard]] grpc::Status parse_request(google::protobuf::MessageLite& request);
  /// Returns the bytes as well, which stay until this is answered; empty if they are too many to be
  /// kept beside the message, or lie in pieces.
  [[nodiscard]] Result<std::string_view> parse_and_keep_request(
      google::protobuf::MessageLite& request);

  /// Triggered when the client cancels, its deadline passes or its connection breaks.
  [[nodiscard]] const std::stop_source& stop() const { return stop_; }

  /// Answers. Serialises a message here, on the caller's thread; `reply_bytes` are one serialised.
  static void finish(Ptr call, const google::protobuf::MessageLite& reply);
  static void finish(Ptr call, std::string reply_bytes);
  static void finish(Ptr call, const grpc::Status& error);

 private:
  class Event final : public CompletionTag {
   public:
    using Handler = void (IncomingCall::*)();
    Event(IncomingCall& call, Handler handler) : call_(call), handler_(handler) {}
    void on_event(bool /*ok*/) override { (call_.*handler_)(); }

   private:
    IncomingCall& call_;
    const Handler handler_;
  };

  IncomingCall(Gate::Pass pass, ReplyBudget& replies, bool cancellable);
  ~IncomingCall() = default;

  static void finish(Ptr call, const grpc::ByteBuffer& reply);
  IncomingCall& answered(std::size_t reply_bytes);
  void on_over();  // the call is over for gRPC, well or not
  void release();  // one of the pending events came; the last one destroys the call

  Gate::Pass pass_;                    // first, so that it is given back last
  std::optional<Gate::Pass> running_;  // once accepted
  RequestBudget::Share share_;         // once there is room for it
  MessageArena<1024> arena_;
  grpc::ServerContext rpc_context_;
  UnreadReply reply_;  // once gRPC has it; after the call, which it may cancel
  grpc::ByteBuffer request_;
  grpc::Slice kept_request_;
  grpc::ServerAsyncResponseWriter<grpc::ByteBuffer> responder_{&rpc_context_};
  std::stop_source stop_;
  Event sent_event_{*this, &IncomingCall::release};
  Event over_event_{*this, &IncomingCall::on_over};
  std::atomic<int> pending_events_;
};

}  // namespace compiler_gym::internal
