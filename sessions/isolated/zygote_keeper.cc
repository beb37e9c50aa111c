#include "sessions/isolated/zygote_keeper.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <tuple>
#include <utility>
#include <vector>

#include "core/posix/process_mark.h"
#include "core/posix/processes.h"
#include "core/posix/servant.h"
#include "sessions/isolated/frame.h"
#include "sessions/isolated/leftovers.h"
#include "sessions/isolated/zygote_messages.h"
#include "sessions/isolated/zygote_process.h"

namespace compiler_gym::isolated {
namespace {

class ZygoteKeeper {
 public:
  ZygoteKeeper(FileDescriptor control, const ZygoteOptions& options, const SandboxBoard& board)
      : control_(std::move(control)), options_(options), board_(board) {}

  [[noreturn]] void run();

 private:
  void serve();
  void start();
  void replace();
  [[nodiscard]] bool is_stopped_or_dead() const;

  FileDescriptor control_;
  const ZygoteOptions& options_;
  const SandboxBoard& board_;
  const Service service_ = {getppid(), process_marks_of(getppid())};
  std::uint64_t generation_ = 0;
  pid_t zygote_ = -1;
  bool told_to_end_ = false;  // by the service, which lives then
};

void ZygoteKeeper::run() {
  become_servant("zygote-keeper", control_);
  start();
  serve();
  if (!is_stopped_or_dead()) {
    wait_for_child(zygote_, kPatience);  // which notices as well, and cleans up after its sandboxes
  }
  remove_scratch_of(kill_children(kPatience), options_.working_directory);
  if (!told_to_end_) {
    clean_up_after(service_, options_.working_directory);  // there is nobody else left to do it
  }
  _exit(0);
}

void ZygoteKeeper::serve() {
  while (!told_to_end_) {
    KeeperRequest request;
    FileDescriptor nothing;
    if (receive_bytes(control_.get(), reinterpret_cast<char*>(&request), sizeof(request), nothing,
                      0) != sizeof(request)) {
      return;
    }
    if (request.kind == KeeperRequest::Kind::kEnd) {
      told_to_end_ = true;
    } else if (request.generation == generation_ &&
               (request.kind == KeeperRequest::Kind::kReplace || is_stopped_or_dead())) {
      replace();
    }
  }
}

void ZygoteKeeper::start() {
  KeeperAnswer answer{.generation = ++generation_};
  Result<SocketPair> sockets = make_socket_pair();
  zygote_ = sockets ? fork() : -1;
  if (zygote_ < 0) {
    answer.error = errno;
  } else if (zygote_ == 0) {
    control_.reset();
    sockets->ours.reset();
    run_zygote(std::move(sockets->theirs), options_, board_, service_);
  }
  // If the service is gone, the next read will say so.
  std::ignore = send_bytes(control_.get(), {reinterpret_cast<const char*>(&answer), sizeof(answer)},
                           answer.error == 0 ? sockets->ours.get() : -1, 0);
}

// A dead zygote's sandboxes die with it, and what they have started comes to this process, as it is a
// subreaper. Directories are removed when there is a new zygote: it may take a while.
void ZygoteKeeper::replace() {
  const std::vector<EndedChild> ended = kill_children(kPatience);
  start();
  remove_scratch_of(ended, options_.working_directory);
}

bool ZygoteKeeper::is_stopped_or_dead() const {
  siginfo_t state{};
  return zygote_ < 0 ||
         waitid(P_PID, static_cast<id_t>(zygote_), &state,
                WSTOPPED | WEXITED | WNOHANG | WNOWAIT) != 0 ||
         state.si_pid != 0;
}

}  // namespace

void run_zygote_keeper(FileDescriptor control, const ZygoteOptions& options,
                       const SandboxBoard& board) {
  ZygoteKeeper(std::move(control), options, board).run();
}

}  // namespace compiler_gym::isolated
