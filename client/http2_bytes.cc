#include "client/http2_bytes.h"

#include <cstddef>

namespace compiler_gym::http2 {
namespace {

enum FrameType : std::uint8_t { kData = 0, kHeaders = 1, kRstStream = 3, kSettings = 4 };

constexpr std::uint8_t kEndStream = 0x1;
constexpr std::uint8_t kEndHeaders = 0x4;
constexpr std::size_t kMaxFrame = 16'384;

std::string big_endian(std::uint32_t number, int bytes) {
  std::string text;
  for (int i = bytes - 1; i >= 0; --i) {
    text += static_cast<char>(number >> (8 * i));
  }
  return text;
}

std::string frame(FrameType type, std::uint8_t flags, std::uint32_t stream,
                  std::string_view payload) {
  std::string bytes = big_endian(static_cast<std::uint32_t>(payload.size()), 3);
  bytes += static_cast<char>(type);
  bytes += static_cast<char>(flags);
  bytes += big_endian(stream, 4);
  bytes += payload;
  return bytes;
}

// A literal field that is not to be indexed, RFC 7541 6.2.2; no text is longer than 126 bytes.
std::string field(std::string_view name, std::string_view value) {
  std::string bytes(1, '\0');
  for (const std::string_view text : {name, value}) {
    bytes += static_cast<char>(text.size());
    bytes += text;
  }
  return bytes;
}

}  // namespace

std::string preface() {
  return "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(kSettings, 0, 0, "");
}

std::string request(std::uint32_t stream, std::string_view method, std::string_view message) {
  const std::string path = "/compiler_gym.CompilerGymService/" + std::string(method);
  const std::string head = field(":method", "POST") + field(":scheme", "http") +
                           field(":path", path) + field(":authority", "localhost") +
                           field("te", "trailers") + field("content-type", "application/grpc");
  std::string body(1, '\0');  // not compressed
  body += big_endian(static_cast<std::uint32_t>(message.size()), 4);
  body += message;
  std::string bytes = frame(kHeaders, kEndHeaders, stream, head);
  for (std::size_t sent = 0; sent < body.size(); sent += kMaxFrame) {
    const bool last = sent + kMaxFrame >= body.size();
    bytes += frame(kData, last ? kEndStream : 0, stream, body.substr(sent, kMaxFrame));
  }
  return bytes;
}

std::string reset(std::uint32_t stream) {
  constexpr std::uint32_t kCancel = 8;
  return frame(kRstStream, 0, stream, big_endian(kCancel, 4));
}

}  // namespace compiler_gym::http2
