#include "async_server/internal/streamed_request.h"

#include <fmt/core.h>

#include <utility>

#include "core/support/status.h"
#include "sessions/session_rules.h"

namespace compiler_gym::internal {
void StreamedRequest::Deleter::operator()(StreamedRequest* request) const {
  finish(Ptr(request), internal_error("The request was dropped by the service"));
}

StreamedRequest::Ptr StreamedRequest::open(std::shared_ptr<StreamCall> stream,
                                           const PackedRequest& packed, grpc::Slice batch,
                                           bool cancellable) {
  return Ptr(new StreamedRequest(std::move(stream), packed, std::move(batch), cancellable));
}

StreamedRequest::StreamedRequest(std::shared_ptr<StreamCall> stream, const PackedRequest& packed,
                                 grpc::Slice batch, bool cancellable)
    : stream_(std::move(stream)),
      packed_(packed),
      batch_(std::move(batch)),
      stop_(cancellable ? std::stop_source() : std::stop_source(std::nostopstate)),
      by_id_(stream_->open(packed.id, packed.size, stop_)) {}

grpc::Status StreamedRequest::parse(google::protobuf::MessageLite& request) const {
  return request.ParseFromArray(batch_.begin() + packed_.offset, static_cast<int>(packed_.size))
             ? grpc::Status::OK
             : invalid_argument(
                   fmt::format("The request cannot be parsed as {}", request.GetTypeName()));
}

grpc::Status StreamedRequest::parse_request(google::protobuf::MessageLite& request) {
  grpc::Status parsed = parse(request);
  batch_ = grpc::Slice();  // the last request that drops it frees it
  return parsed;
}

Result<std::string_view> StreamedRequest::parse_and_keep_request(
    google::protobuf::MessageLite& request) {
  // All of the batch would stay.
  constexpr std::size_t kMaxKeptBatchBytes = std::size_t{64} * 1024;
  if (batch_.size() > kMaxKeptBatchBytes || packed_.size * 4 < batch_.size()) {
    const grpc::Status parsed = parse_request(request);
    return parsed.ok() ? Result<std::string_view>(std::string_view()) : parsed;
  }
  if (grpc::Status parsed = parse(request); !parsed.ok()) {
    return parsed;
  }
  return std::string_view(reinterpret_cast<const char*>(batch_.begin()) + packed_.offset,
                          packed_.size);
}

void StreamedRequest::finish(Ptr request, const google::protobuf::MessageLite& reply) {
  const std::size_t max_bytes = request->stream_->max_reply_bytes();
  if (const std::size_t bytes = reply.ByteSizeLong(); bytes > max_bytes) {
    finish(std::move(request), reply_too_large(bytes, max_bytes));
    return;
  }
  request->answer(encode_reply(request->packed_.id, request->packed_.field, reply));
  delete request.release();
}

void StreamedRequest::finish(Ptr request, const std::string& reply_bytes) {
  const std::size_t max_bytes = request->stream_->max_reply_bytes();
  if (reply_bytes.size() > max_bytes) {
    finish(std::move(request), reply_too_large(reply_bytes.size(), max_bytes));
    return;
  }
  request->answer(encode_reply(request->packed_.id, request->packed_.field, reply_bytes));
  delete request.release();
}

void StreamedRequest::finish(Ptr request, const grpc::Status& error) {
  request->answer(encode_error(request->packed_.id, error));
  delete request.release();
}

void StreamedRequest::answer(std::string reply) {
  stream_->answer(packed_.id, by_id_, packed_.size, std::move(reply), std::move(share_));
}

}  // namespace compiler_gym::internal
