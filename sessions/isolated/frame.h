// What travels between the service and a sandbox process: the wire's own messages, framed.
#pragma once

#include <google/protobuf/message_lite.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/posix/file_descriptor.h"
#include "core/support/status.h"

namespace compiler_gym::isolated {

/// What a sandbox is asked for, and the message that comes along.
enum class SandboxOperation : std::uint32_t {
  kInit,          ///< StartSessionRequest: initialise the session; no reply message
  kObserve,       ///< StartSessionRequest: compute its observations; StartSessionReply
  kStep,          ///< StepRequest; StepReply
  kRecordedStep,  ///< StepRequest; StepReply, with its outcome behind, see step_bytes.h
  kParameters,    ///< SendSessionParameterRequest; SendSessionParameterReply, see run_parameters()
  kFork,  ///< no message, but a socket: the new sandbox, a copy of this one, replies there with
          ///< its process id and its start time in decimal; this one does not
          ///< reply
};

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

struct SocketPair {
  FileDescriptor ours, theirs;
};
/// Two connected sockets, closed on exec. RESOURCE_EXHAUSTED if no descriptors are left.
///
/// SOCK_SEQPACKET, though frames would do with a stream: on a stream socket, who waits to read is
/// woken as well when the other end has read what he wrote, so that a sandbox would be run twice for
/// each request, the second time for nothing and in the way of its answer.
[[nodiscard]] Result<SocketPair> make_socket_pair();

/// What is sent at a time, so what a receiver must have room for: a packet is cut off otherwise.
inline constexpr std::size_t kMaxPacketSize = std::size_t{32} * 1024;

/// sendmsg() of the first kMaxPacketSize bytes, with a descriptor beside them, unless it is -1; not
/// interrupted, never SIGPIPE.
[[nodiscard]] std::ptrdiff_t send_bytes(int socket, std::string_view bytes, int passed, int flags);
/// recvmsg(), not interrupted. Sets `passed` if a descriptor came along.
[[nodiscard]] std::ptrdiff_t receive_bytes(int socket, char* buffer, std::size_t size,
                                           FileDescriptor& passed, int flags);

}  // namespace compiler_gym::isolated
