#include "sessions/isolated/zygote.h"

#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <tuple>
#include <utility>

#include "sessions/isolated/frame.h"
#include "sessions/isolated/zygote_keeper.h"
#include "sessions/isolated/zygote_messages.h"

namespace compiler_gym::isolated {

Result<Zygote> Zygote::fork(ZygoteOptions options) {
  Result<SocketPair> sockets = make_socket_pair();
  if (!sockets) {
    return sockets.error();
  }
  auto board = std::make_unique<SandboxBoard>(options.max_sandboxes);
  const std::size_t max_reply_bytes = options.max_reply_bytes;
  const pid_t pid = ::fork();
  if (pid < 0) {
    return unavailable(std::string("The process that forks sandboxes can't be made: ") +
                       std::strerror(errno));
  }
  if (pid == 0) {
    sockets->ours.reset();
    run_zygote_keeper(std::move(sockets->theirs), options, *board);
  }
  return Zygote(std::move(sockets->ours), std::move(board), pid, max_reply_bytes);
}

Zygote::Zygote(FileDescriptor control, std::unique_ptr<SandboxBoard> board, pid_t keeper,
               std::size_t max_reply_bytes)
    : control_(std::move(control)),
      board_(std::move(board)),
      keeper_(keeper),
      max_reply_bytes_(max_reply_bytes) {}

Zygote::Zygote(Zygote&& other) noexcept
    : control_(std::move(other.control_)),
      board_(std::move(other.board_)),
      keeper_(std::exchange(other.keeper_, -1)),
      max_reply_bytes_(other.max_reply_bytes_) {}

Zygote::~Zygote() {
  end();
}

void Zygote::end() {
  if (control_) {
    const KeeperRequest request{.kind = KeeperRequest::Kind::kEnd};
    // If it fails, the keeper has ended already.
    std::ignore =
        send_bytes(control_.get(), {reinterpret_cast<const char*>(&request), sizeof(request)}, -1,
                   MSG_DONTWAIT);
  }
  control_.reset();
  if (const pid_t keeper = std::exchange(keeper_, -1); keeper >= 0) {
    kill(keeper, SIGCONT);  // somebody may have stopped it
    while (waitpid(keeper, nullptr, 0) < 0 && errno == EINTR) {
    }
  }
}

}  // namespace compiler_gym::isolated
