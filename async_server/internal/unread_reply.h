// A reply that gRPC has been given, and its client may not read.
#pragma once

#include <grpcpp/server_context.h>

#include <algorithm>
#include <cstddef>
#include <limits>

#include "async_server/internal/reply_budget.h"

namespace compiler_gym::internal {

/// The reply of one call, or the message that a stream is writing. The budget gives it up by
/// cancelling the call.
class UnreadReply final : public ReplyBudget::Reply {
 public:
  UnreadReply(ReplyBudget& budget, grpc::ServerContext& rpc_context)
      : budget_(budget), rpc_context_(rpc_context) {}
  ~UnreadReply() override { remove(); }

  /// How many one may have: as many as the service allows, and protobuf, which counts them in an int
  /// and adds some around.
  [[nodiscard]] std::size_t max_bytes() const {
    constexpr std::size_t kProtobufs = std::numeric_limits<int>::max() - 64;
    return std::min(budget_.max_reply_bytes(), kProtobufs);
  }
  /// It is on its way, until remove().
  void add(std::size_t bytes) { budget_.add(*this, bytes); }

 private:
  void give_up() override { rpc_context_.TryCancel(); }

  ReplyBudget& budget_;
  grpc::ServerContext& rpc_context_;
};

}  // namespace compiler_gym::internal
