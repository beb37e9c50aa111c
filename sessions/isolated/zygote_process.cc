// Who is a child of the zygote: sandboxes it forked; sandboxes forked by sandboxes, whose parents ended
// at once; what is left of the commands of sandboxes that died; and a cleaner. Sandboxes lead POSIX
// sessions of their own, and most of what they have started are members of these.
#include "sessions/isolated/zygote_process.h"

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
#include <vector>

#include "core/posix/processes.h"
#include "core/posix/wait_readable.h"
#include "sessions/isolated/frame.h"
#include "sessions/isolated/sandbox_process.h"
#include "sessions/isolated/zygote_messages.h"

namespace compiler_gym::isolated {
namespace {

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kSanitized = true;
#else
constexpr bool kSanitized = false;
#endif

class ZygoteProcess {
 public:
  ZygoteProcess(FileDescriptor control, const ZygoteOptions& options, const SandboxBoard& board,
                const Service& service)
      : control_(std::move(control)), options_(options), board_(board), service_(service) {}

  [[noreturn]] void run();

 private:
  grpc::Status watch_children();
  grpc::Status prepare();
  void serve();
  void handle(const ZygoteRequest& request);
  void spawn(const ZygoteRequest& request);
  grpc::Status fork_sandbox(ZygoteAnswer& answer, FileDescriptor& socket);
  [[noreturn]] void become_sandbox(FileDescriptor socket);
  void kill_and_reap(const ZygoteRequest& request);
  void reap_children();
  void on_sandbox_ended(const SandboxId& sandbox, int status);
  void clean_up();
  void send(const ZygoteAnswer& answer, int passed = -1);

  FileDescriptor control_;
  const ZygoteOptions& options_;
  const SandboxBoard& board_;
  FileDescriptor child_ended_;
  const Service& service_;
  const pid_t pid_ = getpid();
  const pid_t keeper_ = getppid();

  std::unique_ptr<CompilerGymServiceContext> context_;
  ServiceSpaces spaces_;
  std::optional<grpc::Status> prepared_;

  struct Dead {
    std::uint64_t start_time;
    int status;
  };
  std::unordered_map<pid_t, ZygoteRequest> dying_;  // that are being killed
  // Sandboxes that nobody has asked for yet; of several of one number, the last.
  std::unordered_map<pid_t, Dead> dead_;
  std::vector<EndedChild> unclean_;   // have left something behind, perhaps
  pid_t cleaner_ = -1;                // -1: there is none now
  std::vector<EndedChild> cleaning_;  // what the cleaner is at
};

// ------------------------------------------------------------------------------------- processes

// A process that can't be limited does not run a stranger's program.
void set_limit(int resource, std::uint64_t limit) {
  rlimit present{};
  const auto which = static_cast<__rlimit_resource>(resource);
  bool done = getrlimit(which, &present) == 0;
  // The soft limit alone: a sandbox's commands have limits of their own.
  present.rlim_cur = std::min<rlim_t>(limit, present.rlim_max);
  done = done && setrlimit(which, &present) == 0;
  if (!done) {
    _exit(kExitNotLimited);
  }
}

void confine_sandbox(const Confinement& confinement,
                     const boost::filesystem::path& working_directory) {
  FileAccess files = confinement.files;
  boost::system::error_code ignored;  // one that is not there can't be reached
  boost::filesystem::create_directories(working_directory, ignored);
  files.write.push_back(working_directory.string());
  if (!confine(files, confinement.by).ok()) {
    _exit(kExitNotLimited);
  }
}

// ---------------------------------------------------------------------------------------- the loop

void ZygoteProcess::run() {
  prctl(PR_SET_NAME, "zygote");
  prepared_ = watch_children();
  if (prepared_->ok()) {
    prepared_ = prepare();
  }
  send({.tag = kAliveTag});
  serve();
  // The cleaner is one of them, and has not done all that it should.
  std::vector<EndedChild> left = kill_children(kPatience);
  left.insert(left.end(), unclean_.begin(), unclean_.end());
  left.insert(left.end(), cleaning_.begin(), cleaning_.end());
  remove_scratch_of(left, options_.working_directory);
  if (getppid() != keeper_) {
    clean_up_after(service_, options_.working_directory);  // the keeper has died: nobody else will
  }
  _exit(0);
}

// Those that its descendants leave as well.
grpc::Status ZygoteProcess::watch_children() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  if (prctl(PR_SET_CHILD_SUBREAPER, 1) == 0 && sigprocmask(SIG_BLOCK, &signals, nullptr) == 0) {
    child_ended_ = FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  }
  return child_ended_ ? grpc::Status::OK
                      : unavailable(std::string("Sandbox processes can't be watched: ") +
                                    std::strerror(errno));
}

void ZygoteProcess::serve() {
  for (;;) {
    std::array<pollfd, 2> events{{{control_.get(), POLLIN, 0}, {child_ended_.get(), POLLIN, 0}}};
    wait_readable(events, kForever);
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
    if (grpc::Status status = context_->warmUp(); !status.ok()) {
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
    case ZygoteRequest::Kind::kPing:
      send({.tag = kAliveTag});
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
  const pid_t pid = fork();
  if (pid < 0) {
    return resource_exhausted(std::string("A sandbox process can't be forked: ") +
                              std::strerror(errno));
  }
  if (pid == 0) {
    sockets->ours.reset();
    become_sandbox(std::move(sockets->theirs));
  }
  answer.sandbox = {.pid = pid, .start_time = start_time_of(pid)};
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
  if (options_.confinement) {
    confine_sandbox(*options_.confinement, options_.working_directory);
  }
  run_sandbox_process(std::move(socket), {.context = *context_,
                                          .make_session = options_.make_session,
                                          .spaces = spaces_,
                                          .board = board_,
                                          .max_reply_bytes = options_.max_reply_bytes,
                                          .zygote = pid_,
                                          .cpu_time = options_.limits.cpu_time});
}

void ZygoteProcess::kill_and_reap(const ZygoteRequest& request) {
  const SandboxId& sandbox = request.sandbox;
  siginfo_t ended{};
  if (waitid(P_PID, static_cast<id_t>(sandbox.pid), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
      start_time_of(sandbox.pid) == sandbox.start_time) {
    // Alive or not, it is our child until it is reaped, and its number can't be another's.
    dying_[sandbox.pid] = request;
    kill(-sandbox.pid, SIGKILL);
    return;
  }
  const auto dead = dead_.find(sandbox.pid);
  ZygoteAnswer answer{.tag = request.tag, .result = kEndUnknown};
  if (dead != dead_.end() && dead->second.start_time == sandbox.start_time) {
    answer.result = dead->second.status;
    dead_.erase(dead);
  }
  send(answer);
}

void ZygoteProcess::reap_children() {
  siginfo_t ended{};
  while (waitid(P_ALL, 0, &ended, WEXITED | WNOHANG | WNOWAIT) == 0 && ended.si_pid != 0) {
    const SandboxId child{.pid = ended.si_pid, .start_time = start_time_of(ended.si_pid)};
    const bool leader = getsid(child.pid) == child.pid;
    int status = 0;
    if (waitpid(child.pid, &status, 0) != child.pid) {
      return;  // only a signal handler could make it fail, and there is none
    }
    if (child.pid == cleaner_) {
      cleaner_ = -1;
      cleaning_.clear();
      clean_up();
    } else if (leader) {
      on_sandbox_ended(child, status);
    }
    ended = {};
  }
}

void ZygoteProcess::on_sandbox_ended(const SandboxId& sandbox, int status) {
  const auto dying = dying_.find(sandbox.pid);
  const bool was_idle =
      dying == dying_.end() ? WIFEXITED(status) && WEXITSTATUS(status) == 0 : dying->second.idle;
  boost::system::error_code error;
  const bool has_scratch = boost::filesystem::exists(
      CompilerGymServiceContext::scratchDirectoryOf(sandbox.pid, options_.working_directory),
      error);
  if (!was_idle || has_scratch) {
    unclean_.push_back({sandbox.pid, status});
    clean_up();
  }
  if (dying == dying_.end()) {
    dead_[sandbox.pid] = {.start_time = sandbox.start_time, .status = status};
    return;
  }
  send({.tag = dying->second.tag, .result = status});
  dying_.erase(dying);
}

// In a process of its own, one at a time: to look at all processes of the machine, or to remove a large
// directory, takes longer than others can wait.
void ZygoteProcess::clean_up() {
  if (cleaner_ >= 0 || unclean_.empty()) {
    return;
  }
  cleaner_ = fork();
  if (cleaner_ < 0) {
    return;  // there are too many processes: with the next one that ends
  }
  if (cleaner_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    prctl(PR_SET_NAME, "cleaner");
    control_.reset();
    clean_up_after_sandboxes(unclean_, pid_, options_.working_directory);
    _exit(0);
  }
  cleaning_ = std::exchange(unclean_, {});
}

}  // namespace

void run_zygote(FileDescriptor control, const ZygoteOptions& options, const SandboxBoard& board,
                const Service& service) {
  ZygoteProcess(std::move(control), options, board, service).run();
}

}  // namespace compiler_gym::isolated
