// How processes of one program talk to each other, and hand over descriptors.
#pragma once

#include <cstddef>
#include <string_view>

#include "core/posix/file_descriptor.h"
#include "core/support/status.h"

namespace compiler_gym {

struct SocketPair {
  FileDescriptor ours, theirs;
};
/// Two connected sockets, closed on exec. RESOURCE_EXHAUSTED if no descriptors are left.
///
/// SOCK_SEQPACKET, though a stream would do for many: on a stream socket, who waits to read is woken as
/// well when the other end has read what he wrote, so that a process which serves requests would be
/// run twice for each, the second time for nothing and in the way of its answer.
[[nodiscard]] Result<SocketPair> make_socket_pair();

/// What is sent at a time, so what a receiver must have room for: a packet is cut off otherwise.
inline constexpr std::size_t kMaxPacketSize = std::size_t{32} * 1024;

/// sendmsg() of the first kMaxPacketSize bytes, with a descriptor beside them, unless it is -1; not
/// interrupted, never SIGPIPE.
[[nodiscard]] std::ptrdiff_t send_bytes(int socket, std::string_view bytes, int passed, int flags);
/// recvmsg(), not interrupted. Sets `passed` if a descriptor came along.
[[nodiscard]] std::ptrdiff_t receive_bytes(int socket, char* buffer, std::size_t size,
                                           FileDescriptor& passed, int flags);

}  // namespace compiler_gym
