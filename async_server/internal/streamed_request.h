// One request of a stream, as IncomingCall is one RPC.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/slice.h>

#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>

#include "async_server/internal/message_arena.h"
#include "async_server/internal/request_budget.h"
#include "async_server/internal/stream_call.h"
#include "async_server/internal/stream_wire.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// Lifetime: owned by a Ptr until it is answered. A Ptr that is destroyed before
///           answers by itself.
/// Threads:  one at a time, except that the stop source is triggered from the completion queue's
///           thread.
class StreamedRequest {
 public:
  /// Answers with INTERNAL what has not been answered.
  struct Deleter {
    void operator()(StreamedRequest* request) const;
  };
  using Ptr = std::unique_ptr<StreamedRequest, Deleter>;

  /// See RpcHandlers.
  static constexpr bool kInOrder = true;

  /// `packed` lies in `batch`. Without `cancellable` it does not hear of a client that leaves.
  [[nodiscard]] static Ptr open(std::shared_ptr<StreamCall> stream, const PackedRequest& packed,
                                grpc::Slice batch, bool cancellable);

  /// Another request of that id is under way: this one can only be refused.
  [[nodiscard]] bool is_duplicate() const { return !by_id_; }

  /// `share` is given back when gRPC has taken the reply.
  void keep(RequestBudget::Share share) { share_ = std::move(share); }

  [[nodiscard]] std::size_t request_bytes() const { return packed_.size; }
  [[nodiscard]] ClientId client() const { return stream_->client(); }

  /// Whose messages go when this is answered.
  [[nodiscard]] MessageArena<512>& arena() { return arena_; }

  /// INVALID_ARGUMENT if the bytes are not a message of that type.
  [[nodiscard]] grpc::Status parse_request(google::protobuf::MessageLite& request);
  /// Returns the bytes as well, which stay until this is answered; empty if they are too many to be
  /// kept beside the message, or lie in pieces.
  [[nodiscard]] Result<std::string_view> parse_and_keep_request(
      google::protobuf::MessageLite& request);

  /// Triggered when the client cancels the stream or its connection breaks.
  [[nodiscard]] const std::stop_source& stop() const { return stop_; }

  /// Answers. Serialises a message here, on the caller's thread; `reply_bytes` are one serialised.
  static void finish(Ptr request, const google::protobuf::MessageLite& reply);
  static void finish(Ptr request, const std::string& reply_bytes);
  static void finish(Ptr request, const grpc::Status& error);

 private:
  StreamedRequest(std::shared_ptr<StreamCall> stream, const PackedRequest& packed,
                  grpc::Slice batch, bool cancellable);
  [[nodiscard]] grpc::Status parse(google::protobuf::MessageLite& request) const;
  void answer(std::string reply);

  const std::shared_ptr<StreamCall> stream_;
  const PackedRequest packed_;
  grpc::Slice batch_;
  const std::stop_source stop_;
  const bool by_id_;
  RequestBudget::Share share_;
  MessageArena<512> arena_;
};

}  // namespace compiler_gym::internal
