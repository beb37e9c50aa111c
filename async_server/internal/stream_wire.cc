#include "async_server/internal/stream_wire.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/wire_format_lite.h>

#include <limits>
#include <optional>
#include <utility>

#include "proto/rpcs.h"

namespace compiler_gym::internal {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedInputStream;
using google::protobuf::io::CodedOutputStream;

constexpr std::uint32_t bytes_tag(int field) {
  return WireFormatLite::MakeTag(field, WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

constexpr std::uint32_t kRequestTag = bytes_tag(RequestBatch::kRequestFieldNumber);
constexpr std::uint32_t kReplyTag = bytes_tag(ReplyBatch::kReplyFieldNumber);
constexpr std::uint32_t kIdTag =
    WireFormatLite::MakeTag(StreamRequest::kIdFieldNumber, WireFormatLite::WIRETYPE_VARINT);
static_assert(int{StreamRequest::kIdFieldNumber} == int{StreamReply::kIdFieldNumber});

// Of several fields of the oneof the last one counts, as for protobuf.
std::optional<PackedRequest> read_request(CodedInputStream& input) {
  PackedRequest request;
  std::uint32_t size = 0;
  // A limit beyond the end would be none.
  if (!input.ReadVarint32(&size) || size > static_cast<std::uint32_t>(input.BytesUntilLimit())) {
    return std::nullopt;
  }
  const auto limit = input.PushLimit(static_cast<int>(size));
  while (const std::uint32_t tag = input.ReadTag()) {
    const int field = WireFormatLite::GetTagFieldNumber(tag);
    bool read = false;
    if (tag == kIdTag) {
      read = input.ReadVarint64(&request.id);
    } else if (rpc::has_field(rpc::All(), field) && tag == bytes_tag(field)) {
      std::uint32_t length = 0;
      read = input.ReadVarint32(&length);
      request.field = field;
      request.offset = static_cast<std::size_t>(input.CurrentPosition());
      request.size = length;
      read = read && length <= size && input.Skip(static_cast<int>(length));
    } else {
      read = WireFormatLite::SkipField(&input, tag);
    }
    if (!read) {
      return std::nullopt;
    }
  }
  if (!input.ConsumedEntireMessage() || input.BytesUntilLimit() != 0) {
    return std::nullopt;
  }
  input.PopLimit(limit);
  return request;
}

// The next request; none at the end of the batch, and then `well_formed` says which end.
std::optional<PackedRequest> read_next(CodedInputStream& input, bool& well_formed) {
  while (const std::uint32_t tag = input.ReadTag()) {
    if (tag == kRequestTag) {
      std::optional<PackedRequest> request = read_request(input);
      well_formed = request.has_value();
      return request;
    }
    if (!WireFormatLite::SkipField(&input, tag)) {
      well_formed = false;
      return std::nullopt;
    }
  }
  well_formed = input.ConsumedEntireMessage();
  return std::nullopt;
}

// A string that is not UTF-8 would make the whole batch unreadable for the client, and what a
// compiler says may be anything.
std::string to_utf8(const std::string& text) {
  std::string valid(text.size(), '\0');
  const char* const result =
      google::protobuf::internal::UTF8CoerceToStructurallyValid(text, valid.data(), '?');
  return result == valid.data() ? valid : text;
}

}  // namespace

Result<BatchReader> BatchReader::open(grpc::Slice batch) {
  const grpc::Status malformed = invalid_argument("The message cannot be parsed as RequestBatch");
  if (batch.size() > std::size_t{std::numeric_limits<int>::max()}) {
    return malformed;
  }
  BatchReader reader(std::move(batch));
  CodedInputStream input(reader.batch_.begin(), static_cast<int>(reader.batch_.size()));
  bool well_formed = true;
  while (read_next(input, well_formed)) {
    ++reader.count_;
  }
  return well_formed ? Result<BatchReader>(std::move(reader)) : malformed;
}

PackedRequest BatchReader::next() {
  CodedInputStream input(batch_.begin() + position_, static_cast<int>(batch_.size() - position_));
  bool well_formed = true;
  PackedRequest request = *read_next(input, well_formed);  // open() has been here before
  request.offset += position_;
  position_ += static_cast<std::size_t>(input.CurrentPosition());
  ++read_;
  return request;
}

namespace {

// A batch of one reply but for its message, for which there is room at the end.
std::string encode_reply_around(std::uint64_t id, int field, std::size_t message_size) {
  const std::uint32_t message_tag = bytes_tag(field);
  const std::size_t reply_size = CodedOutputStream::VarintSize32(kIdTag) +
                                 CodedOutputStream::VarintSize64(id) +
                                 CodedOutputStream::VarintSize32(message_tag) +
                                 CodedOutputStream::VarintSize64(message_size) + message_size;
  std::string bytes;
  bytes.resize(CodedOutputStream::VarintSize32(kReplyTag) +
               CodedOutputStream::VarintSize64(reply_size) + reply_size);
  auto* to = reinterpret_cast<std::uint8_t*>(bytes.data());
  to = CodedOutputStream::WriteVarint32ToArray(kReplyTag, to);
  to = CodedOutputStream::WriteVarint64ToArray(reply_size, to);
  to = CodedOutputStream::WriteVarint32ToArray(kIdTag, to);
  to = CodedOutputStream::WriteVarint64ToArray(id, to);
  to = CodedOutputStream::WriteVarint32ToArray(message_tag, to);
  CodedOutputStream::WriteVarint64ToArray(message_size, to);
  return bytes;
}

}  // namespace

std::string encode_reply(std::uint64_t id, int field, const google::protobuf::MessageLite& reply) {
  const std::size_t size = reply.ByteSizeLong();
  std::string bytes = encode_reply_around(id, field, size);
  reply.SerializeWithCachedSizesToArray(
      reinterpret_cast<std::uint8_t*>(bytes.data() + bytes.size() - size));
  return bytes;
}

std::string encode_reply(std::uint64_t id, int field, std::string_view reply_bytes) {
  std::string bytes = encode_reply_around(id, field, reply_bytes.size());
  reply_bytes.copy(bytes.data() + bytes.size() - reply_bytes.size(), reply_bytes.size());
  return bytes;
}

std::string encode_error(std::uint64_t id, const grpc::Status& error) {
  StreamError sent;
  // Details that are no google.rpc.Status are nobody's: they are left out.
  if (!sent.ParseFromString(error.error_details())) {
    sent.Clear();
  }
  sent.set_code(error.error_code());
  sent.set_message(to_utf8(error.error_message()));
  return encode_reply(id, StreamReply::kErrorFieldNumber, sent);
}

}  // namespace compiler_gym::internal
