#include "async_server/internal/incoming_call.h"

#include <fmt/core.h>
#include <grpcpp/impl/codegen/proto_utils.h>

#include <memory>
#include <tuple>
#include <utility>

#include "async_server/internal/error_text.h"
#include "async_server/internal/reply_bytes.h"
#include "core/support/status.h"
#include "sessions/session_rules.h"

namespace compiler_gym::internal {
namespace {

// The bytes of larger requests don't stay beside the message that was made of them.
constexpr std::size_t kMaxKeptRequestBytes = std::size_t{64} * 1024;

grpc::Status cannot_be_parsed(const google::protobuf::MessageLite& request) {
  return invalid_argument(fmt::format("The request cannot be parsed as {}", request.GetTypeName()));
}

}  // namespace

void IncomingCall::Deleter::operator()(IncomingCall* call) const {
  if (!call->running_) {
    delete call;
    return;
  }
  finish(Ptr(call), internal_error("The request was dropped by the service"));
}

IncomingCall::Ptr IncomingCall::make(Gate::Pass pass, ReplyBudget& replies, bool cancellable) {
  return Ptr(new IncomingCall(std::move(pass), replies, cancellable));
}

IncomingCall::IncomingCall(Gate::Pass pass, ReplyBudget& replies, bool cancellable)
    : pass_(std::move(pass)),
      reply_(replies, rpc_context_),
      stop_(cancellable ? std::stop_source() : std::stop_source(std::nostopstate)),
      pending_events_(cancellable ? 2 : 1) {
  if (cancellable) {
    rpc_context_.AsyncNotifyWhenDone(over_event_.armed());
  }
}

grpc::Status IncomingCall::parse_request(google::protobuf::MessageLite& request) {
  const grpc::Status parsed =
      grpc::GenericDeserialize<grpc::ProtoBufferReader, google::protobuf::MessageLite>(&request_,
                                                                                       &request);
  request_.Clear();
  return parsed.ok() ? grpc::Status::OK : cannot_be_parsed(request);
}

Result<std::string_view> IncomingCall::parse_and_keep_request(
    google::protobuf::MessageLite& request) {
  if (request_.Length() > kMaxKeptRequestBytes || !request_.TrySingleSlice(&kept_request_).ok()) {
    const grpc::Status parsed = parse_request(request);
    return parsed.ok() ? Result<std::string_view>(std::string_view()) : parsed;
  }
  request_.Clear();
  const std::string_view bytes(reinterpret_cast<const char*>(kept_request_.begin()),
                               kept_request_.size());
  if (!request.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return cannot_be_parsed(request);
  }
  return bytes;
}

void IncomingCall::finish(Ptr call, const google::protobuf::MessageLite& reply) {
  const std::size_t max_bytes = call->reply_.max_bytes();
  const std::size_t size = reply.ByteSizeLong();
  if (size > max_bytes) {
    finish(std::move(call), reply_too_large(size, max_bytes));
    return;
  }
  const Result<grpc::ByteBuffer> bytes = bytes_of_reply(reply, size);
  if (!bytes) {
    finish(std::move(call), bytes.error());
    return;
  }
  finish(std::move(call), *bytes);
}

void IncomingCall::finish(Ptr call, std::string reply_bytes) {
  const std::size_t max_bytes = call->reply_.max_bytes();
  if (reply_bytes.size() > max_bytes) {
    finish(std::move(call), reply_too_large(reply_bytes.size(), max_bytes));
    return;
  }
  // What is small is copied for less than what owning it costs.
  constexpr std::size_t kSmall = 4096;
  if (reply_bytes.size() <= kSmall) {
    const grpc::Slice copy(reply_bytes);
    finish(std::move(call), grpc::ByteBuffer(&copy, 1));
    return;
  }
  auto owned = std::make_unique<std::string>(std::move(reply_bytes));
  const auto destroy = [](void* string) { delete static_cast<std::string*>(string); };
  const grpc::Slice slice(owned->data(), owned->size(), destroy, owned.get());
  std::ignore = owned.release();  // the slice's
  finish(std::move(call), grpc::ByteBuffer(&slice, 1));
}

void IncomingCall::finish(Ptr call, const grpc::ByteBuffer& reply) {
  IncomingCall& released = call.release()->answered(reply.Length());
  // After the next line it may be gone.
  released.responder_.Finish(reply, grpc::Status::OK, released.sent_event_.armed());
}

void IncomingCall::finish(Ptr call, const grpc::Status& error) {
  const grpc::Status sent(error.error_code(), fit_into_metadata(error.error_message()),
                          error.error_details());
  IncomingCall& released = call.release()->answered(sent.error_message().size());
  // After the next line it may be gone.
  released.responder_.FinishWithError(sent, released.sent_event_.armed());
}

// From here on the call waits for its client, which may be slow: all that it holds is the answer.
IncomingCall& IncomingCall::answered(std::size_t reply_bytes) {
  arena_.reset();
  kept_request_ = grpc::Slice();
  share_.reset();
  reply_.add(reply_bytes);
  return *this;
}

void IncomingCall::on_over() {
  if (rpc_context_.IsCancelled()) {
    stop_.request_stop();
  }
  release();
}

void IncomingCall::release() {
  if (pending_events_.fetch_sub(1) == 1) {
    delete this;
  }
}

}  // namespace compiler_gym::internal
