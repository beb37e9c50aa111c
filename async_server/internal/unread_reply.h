// A reply that gRPC has been given, and its client may not read.
#pragma once

#include <grpcpp/server_context.h>

#include <cstddef>

#include "async_server/internal/reply_budget.h"

namespace compiler_gym::internal {

/// The reply of one call, or the message that a stream is writing. The budget gives it up by
/// cancelling the call.
class UnreadReply final : public ReplyBudget::Reply {
 public:
  UnreadReply(ReplyBudget& budget, grpc::ServerContext& rpc_context)
      : budget_(budget), rpc_context_(rpc_context) {}
  ~UnreadReply() override { remove(); }

  /// It is on its way, until remove().
  void add(std::size_t bytes) { budget_.add(*this, bytes); }

 private:
  void give_up() override { rpc_context_.TryCancel(); }

  ReplyBudget& budget_;
  grpc::ServerContext& rpc_context_;
};

}  // namespace compiler_gym::internal
