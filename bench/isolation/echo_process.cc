#include "bench/isolation/echo_process.h"

#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <stdexcept>
#include <string_view>
#include <utility>

#include "core/posix/socket_pair.h"
#include "core/support/status.h"

namespace compiler_gym {
namespace {

constexpr std::size_t kStepBytes = 48;  // a frame with one action and one observation

[[noreturn]] void echo(int socket) {
  std::array<char, kMaxPacketSize> buffer;  // NOLINT: filled by what is received
  for (;;) {
    FileDescriptor nothing;
    const auto received = receive_bytes(socket, buffer.data(), buffer.size(), nothing, 0);
    if (received <= 0 ||
        send_bytes(socket, {buffer.data(), static_cast<std::size_t>(received)}, -1, 0) < 0) {
      _exit(0);
    }
  }
}

}  // namespace

EchoProcess::EchoProcess() {
  Result<SocketPair> sockets = make_socket_pair();
  if (!sockets) {
    throw std::runtime_error(to_string(sockets.error()));
  }
  pid_ = fork();
  if (pid_ < 0) {
    throw std::runtime_error("can't fork");
  }
  if (pid_ == 0) {
    sockets->ours.reset();
    echo(sockets->theirs.get());
  }
  socket_ = std::move(sockets->ours);
}

EchoProcess::~EchoProcess() {
  socket_.reset();
  waitpid(pid_, nullptr, 0);
}

void EchoProcess::exchange() {
  std::array<char, kStepBytes> bytes{};
  FileDescriptor nothing;
  if (send_bytes(socket_.get(), {bytes.data(), bytes.size()}, -1, 0) < 0 ||
      receive_bytes(socket_.get(), bytes.data(), bytes.size(), nothing, 0) <= 0) {
    throw std::runtime_error("the other process has ended");
  }
}

}  // namespace compiler_gym
