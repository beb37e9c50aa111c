#include "sessions/isolated/frame.h"

#include <algorithm>
#include <cstring>
#include <utility>

namespace compiler_gym::isolated {
void FrameReader::append(std::string_view bytes) {
  if (header_size_ < sizeof(FrameHeader)) {
    const std::size_t taken = std::min(bytes.size(), sizeof(FrameHeader) - header_size_);
    std::memcpy(reinterpret_cast<char*>(&frame_.header) + header_size_, bytes.data(), taken);
    header_size_ += taken;
    bytes.remove_prefix(taken);
    if (header_size_ == sizeof(FrameHeader) && frame_.header.body_size <= max_body_size_) {
      frame_.body.reserve(frame_.header.body_size);  // of a large one no piece is copied twice
    }
  }
  frame_.body.append(bytes);
}

bool FrameReader::complete() const {
  return header_size_ == sizeof(FrameHeader) && frame_.body.size() >= frame_.header.body_size;
}

bool FrameReader::valid() const {
  return header_size_ < sizeof(FrameHeader) || (frame_.header.body_size <= max_body_size_ &&
                                                frame_.body.size() <= frame_.header.body_size);
}

Frame FrameReader::take() {
  header_size_ = 0;
  return std::exchange(frame_, Frame());
}

std::string framed(FrameHeader header, std::string_view body) {
  header.body_size = body.size();
  std::string bytes;
  bytes.reserve(sizeof(header) + body.size());
  bytes.append(reinterpret_cast<const char*>(&header), sizeof(header));
  bytes.append(body);
  return bytes;
}

std::string framed(FrameHeader header, const SandboxMessage& body) {
  if (!body.bytes.empty()) {
    return framed(header, body.bytes);
  }
  const google::protobuf::MessageLite& message = body.message;
  header.body_size = message.ByteSizeLong();
  std::string bytes(sizeof(header) + header.body_size, '\0');
  std::memcpy(bytes.data(), &header, sizeof(header));
  message.SerializeWithCachedSizesToArray(
      reinterpret_cast<std::uint8_t*>(bytes.data() + sizeof(header)));
  return bytes;
}

}  // namespace compiler_gym::isolated
