// What travels between the service and a sandbox process: the wire's own messages, framed.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/posix/socket_pair.h"

namespace compiler_gym::isolated {

/// What a sandbox is asked for, and the message that comes along.
enum class SandboxOperation : std::uint32_t {
  kInit,          ///< StartSessionRequest: initialise the session; kRecyclable, or nothing
  kObserve,       ///< StartSessionRequest: compute its observations; StartSessionReply
  kStep,          ///< StepRequest; StepReply
  kRecordedStep,  ///< StepRequest; StepReply, with its outcome behind, see step_bytes.h
  kParameters,    ///< SendSessionParameterRequest; SendSessionParameterReply, see run_parameters()
  kFork,   ///< no message, but a socket: the new sandbox, a copy of this one, replies there with
           ///< its process id and its start time in decimal; this one does not
           ///< reply
  kPing,   ///< no message, nor one in the reply: it is alive
  kReset,  ///< no message: destroy the session and initialise another like it; see reset_report()
};

/// What kInit answers if kReset may be asked for.
inline constexpr std::string_view kRecyclable = "recyclable";

/// Both ends are one program, so a header is as it lies in memory.
struct FrameHeader {
  std::uint64_t body_size = 0;
  std::uint64_t number = 0;  ///< of the request; a reply has its request's
  std::uint32_t code = 0;    ///< a request's kind, a reply's status code
  std::uint32_t slot = 0;    ///< of a request: the sandbox's line on the board
};

/// Protobuf counts a message's bytes in an int.
inline constexpr std::uint64_t kMaxBodySize = 0x7fffffff;

struct Frame {
  FrameHeader header;
  std::string body;  ///< a message; of a reply that is an error, its text
};

/// A request's message: serialised here, unless somebody has its bytes.
/// Lifetime: refers to the message and its bytes.
struct SandboxMessage {
  // NOLINTNEXTLINE(google-explicit-constructor): a message is one without bytes
  SandboxMessage(const google::protobuf::MessageLite& from, std::string_view its_bytes = {})
      : message(from), bytes(its_bytes) {}

  const google::protobuf::MessageLite& message;
  std::string_view bytes;  ///< empty: not there
};

/// A header with its body, ready to be sent. The header's body_size is set here.
[[nodiscard]] std::string framed(FrameHeader header, std::string_view body);
[[nodiscard]] std::string framed(FrameHeader header, const SandboxMessage& body);

/// Puts a frame together from the pieces in which it arrives. No I/O. One frame at a time: neither
/// end sends another before it has been answered.
class FrameReader {
 public:
  explicit FrameReader(std::uint64_t max_body_size = kMaxBodySize)
      : max_body_size_(max_body_size) {}

  void append(std::string_view bytes);
  /// Whether what arrived can be the beginning of a frame.
  [[nodiscard]] bool valid() const;
  [[nodiscard]] bool complete() const;
  /// The complete frame, and ready for the next one.
  [[nodiscard]] Frame take();

 private:
  const std::uint64_t max_body_size_;
  Frame frame_;
  std::size_t header_size_ = 0;  // how much of it is there
};

}  // namespace compiler_gym::isolated
