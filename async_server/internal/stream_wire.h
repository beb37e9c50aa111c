// The messages of CompilerGymStream as bytes: requests that are parsed later, by whoever has to, and
// replies that were serialised before, by whoever made them.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/slice.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/support/status.h"
#include "proto/compiler_gym_stream.grpc.pb.h"

namespace compiler_gym::internal {

/// Raw, as in wire_service.h.
using WireStream = CompilerGymStream::WithRawMethod_Exchange<CompilerGymStream::Service>;

/// A StreamRequest whose message is not parsed.
struct PackedRequest {
  std::uint64_t id = 0;
  int field = 0;           ///< number of the oneof's field; 0: none is set
  std::size_t offset = 0;  ///< of its message in the batch
  std::size_t size = 0;
};

/// The requests of one RequestBatch, one after the other. Parsing a batch as a whole would cost the
/// thread that reads the queue what the largest request costs, and memory that no limit has seen: an
/// empty request is two bytes here and a hundred as an object.
class BatchReader {
 public:
  BatchReader() = default;

  /// INVALID_ARGUMENT if it is not a RequestBatch.
  [[nodiscard]] static Result<BatchReader> open(grpc::Slice batch);

  /// Requests in the batch, those that were read included.
  [[nodiscard]] std::size_t count() const { return count_; }
  [[nodiscard]] bool done() const { return read_ == count_; }
  /// Unless done().
  [[nodiscard]] PackedRequest next();

  /// Shares the bytes.
  [[nodiscard]] const grpc::Slice& batch() const { return batch_; }

 private:
  explicit BatchReader(grpc::Slice batch) : batch_(std::move(batch)) {}

  grpc::Slice batch_;
  std::size_t count_ = 0;
  std::size_t read_ = 0;
  std::size_t position_ = 0;
};

/// The bytes of a ReplyBatch with one reply in it, `field` being its number in the oneof. Joined to
/// those of others they are a batch of all these replies, as concatenation merges messages.
[[nodiscard]] std::string encode_reply(std::uint64_t id, int field,
                                       const google::protobuf::MessageLite& reply);
[[nodiscard]] std::string encode_reply(std::uint64_t id, int field, std::string_view reply_bytes);

/// The same for a request that failed; `error` is not OK.
[[nodiscard]] std::string encode_error(std::uint64_t id, const grpc::Status& error);

}  // namespace compiler_gym::internal
