// Who is a child of the zygote: sandboxes it forked; sandboxes forked by sandboxes, whose parents ended
// at once; and what is left of the commands of sandboxes that died. The first two lead POSIX sessions
// of their own, and the last are members of a dead sandbox's: that is how they are told apart, and
// how a dead sandbox's processes are found, which have process groups of their own.
#include "sessions/isolated/zygote_process.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <fstream>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <utility>

#include "core/posix/processes.h"
#include "sessions/isolated/frame.h"
#include "sessions/isolated/sandbox_process.h"

namespace compiler_gym::isolated {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class ZygoteProcess {
 public:
  ZygoteProcess(FileDescriptor control, const ZygoteOptions& options, const SandboxBoard& board)
      : control_(std::move(control)), options_(options), board_(board) {}

  [[noreturn]] void run();

 private:
  grpc::Status prepare();
  void serve();
  void handle(const ZygoteRequest& request);
  void spawn(const ZygoteRequest& request);
  grpc::Status fork_sandbox(ZygoteAnswer& answer, FileDescriptor& socket);
  [[noreturn]] void become_sandbox(FileDescriptor socket);
  void kill_and_reap(const ZygoteRequest& request);
  void reap_children();
  void kill_all_descendants();
  void remove_scratch_of(pid_t process) const;
  void on_reaped(pid_t pid, int status);
  void send(const ZygoteAnswer& answer, int passed = -1);

  FileDescriptor control_;
  const ZygoteOptions& options_;
  const SandboxBoard& board_;
  FileDescriptor child_ended_;
  const pid_t pid_ = getpid();
  const pid_t service_ = getppid();
  bool told_to_end_ = false;  // by the service, which lives then

  std::unique_ptr<CompilerGymServiceContext> context_;
  ServiceSpaces spaces_;
  std::optional<grpc::Status> prepared_;

  std::unordered_map<pid_t, ZygoteRequest> dying_;  // that are being killed
  std::unordered_map<pid_t, int> dead_;             // sandboxes that nobody has asked for yet
};

// ------------------------------------------------------------------------------------- processes

// What a dead sandbox has started.
void kill_members_of_session(pid_t leader) {
  for (const pid_t pid : all_processes()) {
    if (pid != leader && getsid(pid) == leader) {
      kill(pid, SIGKILL);
    }
  }
}

void set_limit(int resource, rlim_t limit) {
  rlimit present{};
  getrlimit(static_cast<__rlimit_resource>(resource), &present);
  // The soft limit alone: a sandbox's commands have limits of their own.
  present.rlim_cur = std::min(limit, present.rlim_max);
  setrlimit(static_cast<__rlimit_resource>(resource), &present);
}

// ---------------------------------------------------------------------------------------- the loop

void ZygoteProcess::run() {
  setsid();
  prctl(PR_SET_NAME, "zygote");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP, SIGPIPE}) {
    std::signal(signal, SIG_IGN);  // the service decides when we end
  }
  const FileDescriptor null(open("/dev/null", O_RDONLY | O_CLOEXEC));
  dup2(null.get(), STDIN_FILENO);
  // Nothing else the service has open is ours.
  const auto kept = static_cast<unsigned>(control_.get());
  close_range(STDERR_FILENO + 1, kept - 1, 0);
  close_range(kept + 1, ~0U, 0);

  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  child_ended_ = FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  serve();
  kill_all_descendants();
  if (!told_to_end_) {
    remove_scratch_of(service_);  // there is nobody else left to do it
  }
  _exit(0);
}

void ZygoteProcess::serve() {
  prepared_ = prepare();
  while (!told_to_end_) {
    std::array<pollfd, 2> events{{{control_.get(), POLLIN, 0}, {child_ended_.get(), POLLIN, 0}}};
    if (poll(events.data(), events.size(), -1) < 0) {
      continue;
    }
    if (events[1].revents != 0) {
      signalfd_siginfo ignored{};
      static_cast<void>(!read(child_ended_.get(), &ignored, sizeof(ignored)));
      reap_children();
    }
    if (events[0].revents != 0) {
      ZygoteRequest request;
      FileDescriptor nothing;
      if (receive_bytes(control_.get(), reinterpret_cast<char*>(&request), sizeof(request), nothing,
                        0) != sizeof(request)) {
        return;
      }
      handle(request);
    }
  }
}

grpc::Status ZygoteProcess::prepare() {
  try {
    context_ = options_.make_context();
    if (grpc::Status status = context_->init(); !status.ok()) {
      return status;
    }
    const std::unique_ptr<CompilationSession> session = options_.make_session(*context_);
    Result<ServiceSpaces> spaces = ServiceSpaces::of(*session);
    if (!spaces) {
      return spaces.error();
    }
    spaces_ = *std::move(spaces);
    return grpc::Status::OK;
  } catch (...) {
    return status_from_current_exception();
  }
}

void ZygoteProcess::handle(const ZygoteRequest& request) {
  switch (request.kind) {
    case ZygoteRequest::Kind::kSpawn:
      spawn(request);
      break;
    case ZygoteRequest::Kind::kReap:
      kill_and_reap(request);
      break;
    case ZygoteRequest::Kind::kEnd:
      told_to_end_ = true;
      break;
  }
}

void ZygoteProcess::send(const ZygoteAnswer& answer, int passed) {
  // If the service is gone, the next read will say so.
  std::ignore = send_bytes(control_.get(), {reinterpret_cast<const char*>(&answer), sizeof(answer)},
                           passed, 0);
}

// ---------------------------------------------------------------------------------------- sandboxes

void ZygoteProcess::spawn(const ZygoteRequest& request) {
  ZygoteAnswer answer{.tag = request.tag};
  FileDescriptor socket;
  const grpc::Status status = prepared_->ok() ? fork_sandbox(answer, socket) : *prepared_;
  answer.result = status.error_code();
  const std::string& error = status.error_message();
  std::copy_n(error.data(), std::min(error.size(), answer.error.size() - 1), answer.error.data());
  send(answer, socket.get());
}

grpc::Status ZygoteProcess::fork_sandbox(ZygoteAnswer& answer, FileDescriptor& socket) {
  Result<SocketPair> sockets = make_socket_pair();
  if (!sockets) {
    return sockets.error();
  }
  answer.pid = fork();
  if (answer.pid < 0) {
    return resource_exhausted(std::string("A sandbox process can't be forked: ") +
                              std::strerror(errno));
  }
  if (answer.pid == 0) {
    sockets->ours.reset();
    become_sandbox(std::move(sockets->theirs));
  }
  dead_.erase(answer.pid);
  socket = std::move(sockets->ours);
  return grpc::Status::OK;
}

void ZygoteProcess::become_sandbox(FileDescriptor socket) {
  setsid();
  prctl(PR_SET_NAME, "sandbox");
  control_.reset();
  child_ended_.reset();
  sigset_t none;
  sigemptyset(&none);
  sigprocmask(SIG_SETMASK, &none, nullptr);
  set_limit(RLIMIT_CORE, 0);
  if (options_.limits.memory_in_bytes > 0 && !kSanitized) {
    set_limit(RLIMIT_AS, options_.limits.memory_in_bytes);
  }
  if (options_.limits.cpu_time.count() > 0) {
    set_limit(RLIMIT_CPU, static_cast<rlim_t>(options_.limits.cpu_time.count()));
  }
  // When the machine runs out of memory, a sandbox is to go rather than the service.
  std::ofstream("/proc/self/oom_score_adj") << 500;
  run_sandbox_process(std::move(socket), {.context = *context_,
                                          .make_session = options_.make_session,
                                          .spaces = spaces_,
                                          .board = board_,
                                          .max_reply_bytes = options_.max_reply_bytes,
                                          .zygote = pid_});
}

void ZygoteProcess::kill_and_reap(const ZygoteRequest& request) {
  siginfo_t ended{};
  if (waitid(P_PID, static_cast<id_t>(request.pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0) {
    // Alive or not, it is our child until it is reaped, and its number can't be another's.
    dying_[request.pid] = request;
    kill(-request.pid, SIGKILL);
    return;
  }
  const auto dead = dead_.find(request.pid);
  ZygoteAnswer answer{.tag = request.tag, .result = kEndUnknown};
  if (dead != dead_.end()) {
    answer.result = dead->second;
    dead_.erase(dead);
  }
  send(answer);
}

void ZygoteProcess::reap_children() {
  siginfo_t ended{};
  while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
    const pid_t pid = ended.si_pid;
    const bool sandbox = getsid(pid) == pid;
    int status = 0;
    waitpid(pid, &status, 0);
    if (sandbox) {
      on_reaped(pid, status);
    }
    ended = {};
  }
}

// Every child that is killed leaves us its own, until none is left.
void ZygoteProcess::kill_all_descendants() {
  for (;;) {
    int killed = 0;
    for (const pid_t pid : all_processes()) {
      if (parent_of(pid) == pid_ && kill(pid, SIGKILL) == 0) {
        ++killed;
      }
    }
    if (killed == 0) {
      return;
    }
    for (int i = 0; i < killed; ++i) {
      if (const pid_t pid = waitpid(-1, nullptr, 0); pid > 0) {
        remove_scratch_of(pid);
      }
    }
  }
}

void ZygoteProcess::remove_scratch_of(pid_t process) const {
  boost::system::error_code ignored;
  boost::filesystem::remove_all(
      CompilerGymServiceContext::scratchDirectoryOf(process, options_.working_directory), ignored);
}

void ZygoteProcess::on_reaped(pid_t pid, int status) {
  const auto dying = dying_.find(pid);
  const bool was_idle =
      dying == dying_.end() ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : dying->second.idle;
  if (!was_idle) {
    kill_members_of_session(pid);
  }
  remove_scratch_of(pid);
  if (dying == dying_.end()) {
    dead_[pid] = status;
    return;
  }
  send({.tag = dying->second.tag, .result = status});
  dying_.erase(dying);
}

}  // namespace

void run_zygote(FileDescriptor control, const ZygoteOptions& options, const SandboxBoard& board) {
  ZygoteProcess(std::move(control), options, board).run();
}

}  // namespace compiler_gym::isolated
