// One stream of CompilerGymStream, from its arrival to the last gRPC event about it.
#pragma once

#include <grpcpp/completion_queue.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_stream.h>
#include <grpcpp/support/byte_buffer.h>

#include <boost/asio/async_result.hpp>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <string>
#include <utility>

#include "async_server/internal/client_turns.h"
#include "async_server/internal/reply_budget.h"
#include "async_server/internal/request_budget.h"
#include "async_server/internal/stream_state.h"
#include "async_server/internal/stream_wire.h"
#include "async_server/internal/unread_reply.h"
#include "async_server/stream_options.h"
#include "core/async_tag.h"
#include "core/completion_queue_pump.h"
#include "core/completion_tag.h"
#include "core/gate.h"
#include "core/unique_handler.h"

namespace compiler_gym::internal {

/// What is read and written at one time is one message each. A reply is handed in by the thread that
/// made it; if nothing is being written and no batch being handled that thread starts the write, so
/// that no hop lies between, and otherwise the reply goes with the next message.
///
/// A request is *open* from open() until gRPC has taken its reply. Towards the service's request
/// budget it counts until its reply is written, and the message in writing towards the reply budget,
/// which can cancel the stream for it.
///
/// Threads:  answer() and end_when_answered() from any thread. The others belong to the coroutine
///           that serves the stream.
/// Lifetime: shared by that coroutine, which must see async_ended() complete once async_accept() has
///           with true, and by the open requests.
class StreamCall : public std::enable_shared_from_this<StreamCall> {
 public:
  /// `pass` is given back when gRPC is done with the call.
  StreamCall(Gate::Pass pass, ReplyBudget& replies, const StreamOptions& options);
  StreamCall(const StreamCall&) = delete;
  StreamCall& operator=(const StreamCall&) = delete;

  /// Asks the service for the next stream. Completes with false if the server is shutting down.
  /// Signature: void(bool).
  template <typename Token>
  auto async_accept(WireStream& service, CompletionQueuePump& pump,
                    grpc::ServerCompletionQueue& queue, Token&& token) {
    return async_tag(
        pump.executor(),
        [this, &service, &queue](void* tag) {
          service.RequestExchange(&rpc_context_, &stream_, &queue, &queue, tag);
        },
        std::forward<Token>(token));
  }

  /// To be called when async_accept() has completed with true. `running` is given back when the
  /// call is over.
  void accepted(Gate::Pass running) {
    running_ = std::move(running);
    client_ = client_of_stream(rpc_context_.peer(), this);
  }
  [[nodiscard]] ClientId client() const { return client_; }
  [[nodiscard]] const grpc::ServerContext& rpc_context() const { return rpc_context_; }

  /// Completes with false when the client has closed its side or is gone, or the stream has ended.
  /// Signature: void(bool).
  template <typename Token>
  auto async_read(CompletionQueuePump& pump, Token&& token) {
    return async_tag(
        pump.executor(), [this](void* tag) { stream_.Read(&message_, tag); },
        std::forward<Token>(token));
  }
  /// Keeps the stream from ending until batch_done(). False if it has ended already, and nothing can
  /// be answered.
  [[nodiscard]] bool begin_batch();
  /// What was read.
  [[nodiscard]] grpc::ByteBuffer& message() { return message_; }
  /// Replies are kept until batch_done(), unless there is no room for requests without sending them:
  /// those that are there at once go in one message.
  void hold_replies();
  void batch_done();

  /// Whether a request of that size may be opened now.
  [[nodiscard]] bool has_room(std::size_t bytes) const;
  /// Completes when there is room, or nobody is there any more who reads. Signature: void().
  template <typename Token>
  auto async_room(std::size_t bytes, CompletionQueuePump& pump, Token&& token) {
    return boost::asio::async_initiate<Token, void()>(
        [this, bytes, &pump](auto handler) {
          wait_for_room(bytes, Handler(std::move(handler), pump.executor()));
        },
        token);
  }

  /// Opens a request. False if there is one of that id which is not answered: this one is to be
  /// refused all the same, and counts as open, but is not known by its id.
  [[nodiscard]] bool open(std::uint64_t id, std::size_t bytes, std::stop_source stop);
  /// The reply to a request of `bytes`: a ReplyBatch of one. `by_id` is what open() returned.
  void answer(std::uint64_t id, bool by_id, std::size_t bytes, std::string reply,
              RequestBudget::Share share);

  /// Ends the stream with that status when every open request has been answered and the batch in
  /// hand, if there is one, is done. The first status counts.
  void end_when_answered(const grpc::Status& status);

  /// Bytes that a reply may have.
  [[nodiscard]] std::size_t max_reply_bytes() const { return unread_.max_bytes(); }
  /// The client is gone: nothing more can be answered.
  [[nodiscard]] bool broken() const;

  /// Completes after the last event. Signature: void().
  template <typename Token>
  auto async_ended(CompletionQueuePump& pump, Token&& token) {
    return boost::asio::async_initiate<Token, void()>(
        [this, &pump](auto handler) { wait_for_end(Handler(std::move(handler), pump.executor())); },
        token);
  }

 private:
  using Handler = UniqueHandler<void()>;

  class Event final : public CompletionTag {
   public:
    using Member = void (StreamCall::*)(bool ok);
    Event(StreamCall& call, Member member) : call_(call), member_(member) {}
    void on_event(bool ok) override { (call_.*member_)(ok); }

   private:
    StreamCall& call_;
    const Member member_;
  };

  template <typename Change>
  void change(Change apply);
  void stop_all();
  void wait_for_room(std::size_t bytes, Handler handler);
  void wait_for_end(Handler handler);
  void on_written(bool ok);
  void on_finished(bool ok);
  void on_over(bool ok);

  Gate::Pass pass_;     // first, so that it is given back last
  Gate::Pass running_;  // once accepted
  ClientId client_{};   // likewise
  grpc::ServerContext rpc_context_;
  UnreadReply unread_;  // the message that is being written; after the call, which it may cancel
  grpc::ServerAsyncReaderWriter<grpc::ByteBuffer, grpc::ByteBuffer> stream_{&rpc_context_};
  Event written_event_{*this, &StreamCall::on_written};
  Event finished_event_{*this, &StreamCall::on_finished};
  Event over_event_{*this, &StreamCall::on_over};
  grpc::ByteBuffer message_;  // read

  mutable std::mutex mutex_;  // guards what follows; not held while gRPC or a handler is called
  StreamState state_;
  Handler waiter_;  // the coroutine, for room or for the end
};

}  // namespace compiler_gym::internal
