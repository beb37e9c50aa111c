#include "core/posix/command_host.h"

#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>
#include <vector>

#include "core/posix/command_messages.h"
#include "core/posix/inherited_state.h"
#include "core/posix/processes.h"
#include "core/posix/servant.h"
#include "core/posix/socket_pair.h"
#include "core/posix/wait_readable.h"

namespace compiler_gym {
namespace {

using Clock = std::chrono::steady_clock;

// Killed processes are waited for so long, which the kernel may be busy with.
constexpr std::chrono::seconds kPatience{2};
// What the host itself is given to do what it does for a command.
constexpr std::chrono::seconds kHostPatience{5};

// To the host, with the socket of the process that it forks for the command. On that come the command's
// bytes, their number before them; what comes back are the bytes of its result, and then the end.
struct CommandRequest {
  std::int64_t timeout_in_milliseconds = 0;
};

// The result begins with this, so that an end without one tells which of the two has failed.
constexpr std::string_view kStarted = "r";

bool send_all(int socket, std::string_view bytes) {
  while (!bytes.empty()) {
    const std::ptrdiff_t sent = send_bytes(socket, bytes, -1, 0);
    if (sent <= 0) {
      return false;
    }
    bytes.remove_prefix(static_cast<std::size_t>(sent));
  }
  return true;
}

// Of a packet, or of the end.
bool append_received(int socket, std::string& bytes) {
  std::array<char, kMaxPacketSize> buffer;  // NOLINT: filled by what is received
  FileDescriptor nothing;
  const std::ptrdiff_t received = receive_bytes(socket, buffer.data(), buffer.size(), nothing, 0);
  if (received <= 0) {
    return false;
  }
  bytes.append(buffer.data(), static_cast<std::size_t>(received));
  return true;
}

// ------------------------------------------------------------------- the process above one command

std::optional<ShellCommand> receive_command(int socket) {
  std::string bytes;
  std::uint64_t size = 0;
  while (bytes.size() < sizeof(size) || bytes.size() < sizeof(size) + size) {
    if (!append_received(socket, bytes)) {
      return std::nullopt;
    }
    std::memcpy(&size, bytes.data(), std::min(bytes.size(), sizeof(size)));
  }
  return shell_command_of(std::string_view(bytes).substr(sizeof(size)));
}

[[noreturn]] void run_command(const FileDescriptor& socket) {
  prctl(PR_SET_NAME, "command-runner");
  prctl(PR_SET_CHILD_SUBREAPER, 1);
  if (const std::optional<ShellCommand> command = receive_command(socket.get())) {
    const Result<ProcessResult> result = run_only_command(*command, socket);
    std::ignore = send_all(socket.get(), bytes_of(result));
  }
  _exit(0);
}

// --------------------------------------------------------------------------------------- the host

class Host {
 public:
  Host(FileDescriptor control, std::chrono::milliseconds patience)
      : control_(std::move(control)), patience_(patience) {}

  [[noreturn]] void run();

 private:
  struct Runner {
    pid_t pid;
    Clock::time_point deadline;
  };

  void start_runner(const CommandRequest& request, FileDescriptor socket);
  void reap();
  void kill_overdue();
  [[nodiscard]] std::chrono::milliseconds time_to_wait() const;

  FileDescriptor control_;
  const std::chrono::milliseconds patience_;  // with runners, after their command's time is over
  FileDescriptor child_ended_;
  std::vector<Runner> runners_;
};

void Host::run() {
  become_servant("command-host", control_);
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGCHLD);
  sigprocmask(SIG_BLOCK, &signals, nullptr);
  child_ended_ = FileDescriptor(signalfd(-1, &signals, SFD_CLOEXEC | SFD_NONBLOCK));
  for (;;) {
    std::array<pollfd, 2> events{{{control_.get(), POLLIN, 0}, {child_ended_.get(), POLLIN, 0}}};
    wait_readable(events, time_to_wait());
    if (events[1].revents != 0) {
      signalfd_siginfo ignored{};
      static_cast<void>(!read(child_ended_.get(), &ignored, sizeof(ignored)));
      reap();
    }
    kill_overdue();
    if (events[0].revents == 0) {
      continue;
    }
    CommandRequest request;
    FileDescriptor socket;
    if (receive_bytes(control_.get(), reinterpret_cast<char*>(&request), sizeof(request), socket,
                      0) != sizeof(request)) {
      break;  // nobody is left who could ask for commands
    }
    if (socket) {  // else there was no descriptor left for it, and the other end is told by its end
      start_runner(request, std::move(socket));
    }
  }
  kill_children(kPatience);
  _exit(0);
}

void Host::start_runner(const CommandRequest& request, FileDescriptor socket) {
  std::ignore = send_bytes(socket.get(), kStarted, -1, MSG_DONTWAIT);  // before the other's answer
  const pid_t pid = ::fork();
  if (pid == 0) {
    control_.reset();
    child_ended_.reset();
    // Whoever has lowered the service's limit meanwhile has not meant the command, which would fail of it.
    std::ignore = raise_descriptor_limit();
    run_command(socket);
  }
  if (pid < 0) {
    const std::string text =
        std::string("A process for a command can't be forked: ") + std::strerror(errno);
    std::ignore = send_all(socket.get(), bytes_of(Result<ProcessResult>(resource_exhausted(text))));
    return;
  }
  runners_.push_back(
      {pid, Clock::now() + std::chrono::milliseconds(request.timeout_in_milliseconds) + patience_});
}

// A runner that has ended by itself has left nothing. One that was killed has, perhaps.
void Host::reap() {
  int status = 0;
  for (pid_t child = 0; (child = waitpid(-1, &status, WNOHANG)) > 0;) {
    std::erase_if(runners_, [child](const Runner& runner) { return runner.pid == child; });
  }
  std::vector<pid_t> spared;
  for (const Runner& runner : runners_) {
    spared.push_back(runner.pid);
  }
  kill_children(kPatience, spared);
}

// It has been stopped, by its command perhaps.
void Host::kill_overdue() {
  for (const Runner& runner : runners_) {
    if (runner.deadline <= Clock::now()) {
      kill(runner.pid, SIGKILL);
    }
  }
}

std::chrono::milliseconds Host::time_to_wait() const {
  if (runners_.empty()) {
    return kForever;
  }
  const auto next = std::min_element(
      runners_.begin(), runners_.end(),
      [](const Runner& left, const Runner& right) { return left.deadline < right.deadline; });
  // One that has been killed and does not go is looked at again in a while.
  return std::max(std::chrono::ceil<std::chrono::milliseconds>(next->deadline - Clock::now()),
                  std::chrono::milliseconds(100));
}

// ---------------------------------------------------------------------------------- who asks them

grpc::Status not_known(const ShellCommand& command, const char* why) {
  return unavailable("How command '" + command.command + "' ended is not known: " + why);
}

// To a process that somebody has stopped.
void bound_sending(int socket) {
  const timeval patience{.tv_sec = kHostPatience.count(), .tv_usec = 0};
  setsockopt(socket, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience));
}

// Until the end, or until nothing is to be expected any more: false.
bool receive_all(int socket, std::string& bytes, Clock::time_point deadline) {
  for (;;) {
    pollfd event{socket, POLLIN, 0};
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - Clock::now());
    if (wait_readable({&event, 1}, std::max(left, std::chrono::milliseconds(0))) > 0) {
      if (!append_received(socket, bytes)) {
        return true;
      }
    } else if (Clock::now() >= deadline) {
      return false;
    }
  }
}

}  // namespace

Result<std::shared_ptr<CommandHost>> CommandHost::fork(std::chrono::milliseconds patience) {
  Result<SocketPair> sockets = make_socket_pair();
  if (!sockets) {
    return sockets.error();
  }
  const pid_t pid = ::fork();
  if (pid < 0) {
    return unavailable(std::string("The process that runs commands can't be made: ") +
                       std::strerror(errno));
  }
  if (pid == 0) {
    sockets->ours.reset();
    Host(std::move(sockets->theirs), patience).run();
  }
  return std::shared_ptr<CommandHost>(new CommandHost(std::move(sockets->ours), pid, patience));
}

CommandHost::CommandHost(FileDescriptor control, pid_t pid, std::chrono::milliseconds patience)
    : control_(std::move(control)), pid_(pid), patience_(patience) {
  bound_sending(control_.get());
}

CommandHost::~CommandHost() {
  control_.reset();
  kill(pid_, SIGCONT);  // somebody may have stopped it
  constexpr int kTimesToBeSure = 2;
  wait_for_child(pid_, kTimesToBeSure * kPatience);
}

Result<ProcessResult> CommandHost::run(const ShellCommand& command,
                                       const std::stop_token& stop_token) const {
  Result<SocketPair> sockets = make_socket_pair();
  if (!sockets) {
    return sockets.error();
  }
  const FileDescriptor ours = std::move(sockets->ours);
  bound_sending(ours.get());
  const CommandRequest request{.timeout_in_milliseconds = command.timeout.count()};
  const Clock::time_point deadline = Clock::now() + command.timeout + patience_ + kHostPatience;
  if (send_bytes(control_.get(), {reinterpret_cast<const char*>(&request), sizeof(request)},
                 sockets->theirs.get(), 0) < 0) {
    const int why = errno;
    const std::string text =
        "Command '" + command.command +
        "' could not be started: the process that runs commands: " + std::strerror(why);
    return is_shortage(why) ? resource_exhausted(text) : unavailable(text);
  }
  sockets->theirs.reset();

  const std::string bytes = bytes_of(command);
  const std::uint64_t size = bytes.size();
  std::string message(reinterpret_cast<const char*>(&size), sizeof(size));
  message += bytes;
  std::ignore = send_all(ours.get(), message);  // if nobody reads it, there is no answer either
  std::string answer;
  bool answered = false;
  {
    const std::stop_callback stop(stop_token, [&ours] { shutdown(ours.get(), SHUT_WR); });
    answered = receive_all(ours.get(), answer, deadline);
  }
  if (!answered) {
    return not_known(command, "the process that runs commands does not answer");
  }
  if (!answer.starts_with(kStarted)) {
    return resource_exhausted("Command '" + command.command +
                              "' could not be started: the process that runs commands has no "
                              "descriptor left, or has ended");
  }
  std::optional<Result<ProcessResult>> result =
      process_result_of(std::string_view(answer).substr(kStarted.size()));
  return result ? *std::move(result)
                : not_known(command, "the process that waited for it was killed");
}

}  // namespace compiler_gym
