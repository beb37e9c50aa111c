#include "sessions/isolated/sandbox_process.h"

#include <fmt/core.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/posix/processes.h"
#include "sessions/internal/step_bytes.h"
#include "sessions/isolated/frame.h"
#include "sessions/isolated/watched_session.h"
#include "sessions/session_rules.h"

namespace compiler_gym::isolated {
namespace {

class SandboxProcess {
 public:
  SandboxProcess(FileDescriptor socket, const SandboxSetting& setting)
      : socket_(std::move(socket)), setting_(setting) {}

  [[noreturn]] void run();

 private:
  struct Reply {
    grpc::Status status;
    std::string message;
  };

  Frame read_request();
  void write_reply(std::uint64_t number, const Reply& reply);
  Reply handle(const Frame& request);
  template <typename Request, typename Answer, typename Run>
  Reply answer(const Frame& frame, Run run);
  Reply recorded_step(const Frame& frame, const std::stop_token& stop, WatchedSession session);
  grpc::Status init(StartSessionRequest& request, const std::stop_token& stop);
  void fork_session();
  void be_a_child_of_the_zygote() const;

  FileDescriptor socket_;
  const SandboxSetting setting_;
  FileDescriptor passed_;  // with the request that is being read
  std::unique_ptr<CompilationSession> session_;
};

[[noreturn]] void on_out_of_memory() {
  _exit(kExitOutOfMemory);
}

// What fork_orphan() returns in the new process.
constexpr int kForked = -1;

// Forks a process whose parent ends at once, so that the zygote adopts it: this one could be too
// busy, or too dead, to reap it. Returns an error number, 0 if there is none, and in the new process
// once it has been adopted. Between vfork and _exit the parent runs in our memory, which saves
// copying the page tables twice: half of what this costs. Not inlined: what a caller holds in
// registers would be the parent's to spoil.
[[gnu::noinline]] int fork_orphan() {
  volatile int error = 0;        // written by the parent
  volatile pid_t forker = 0;     // likewise
  const pid_t parent = vfork();  // NOLINT(bugprone-unsafe-functions): exec is not wanted
  if (parent == 0) {
    forker = getpid();
    const pid_t child = fork();
    if (child == 0) {
      while (getppid() == forker) {
        sched_yield();
      }
      return kForked;
    }
    error = child < 0 ? errno : 0;
    _exit(0);
  }
  if (parent < 0) {
    return errno;
  }
  // No handler interrupts it, and without the status nothing is lost.
  std::ignore = waitpid(parent, nullptr, 0);
  return error;
}

void adopt_orphans(bool adopt) {
  if (prctl(PR_SET_CHILD_SUBREAPER, adopt ? 1 : 0) != 0) {
    _exit(kExitNotLimited);
  }
}

void SandboxProcess::run() {
  std::set_new_handler(on_out_of_memory);
  be_a_child_of_the_zygote();
  for (;;) {
    const Frame request = read_request();
    if (static_cast<SandboxOperation>(request.header.code) == SandboxOperation::kFork) {
      fork_session();
    } else {
      write_reply(request.header.number, handle(request));
    }
  }
}

Frame SandboxProcess::read_request() {
  std::array<char, kMaxPacketSize> buffer;  // NOLINT: not worth clearing for every request
  FrameReader reader;
  while (!reader.complete()) {
    const std::ptrdiff_t received =
        receive_bytes(socket_.get(), buffer.data(), buffer.size(), passed_, 0);
    if (received <= 0) {
      _exit(0);  // the service has closed its end, or is gone
    }
    reader.append({buffer.data(), static_cast<std::size_t>(received)});
  }
  return reader.take();
}

void SandboxProcess::write_reply(std::uint64_t number, const Reply& reply) {
  const std::string bytes =
      framed({.number = number, .code = static_cast<std::uint32_t>(reply.status.error_code())},
             reply.status.ok() ? reply.message : reply.status.error_message());
  std::string_view rest = bytes;
  while (!rest.empty()) {
    const std::ptrdiff_t sent = send_bytes(socket_.get(), rest, -1, 0);
    if (sent < 0) {
      _exit(0);
    }
    rest.remove_prefix(static_cast<std::size_t>(sent));
  }
}

SandboxProcess::Reply SandboxProcess::handle(const Frame& request) {
  SandboxSlot& slot = setting_.board[request.header.slot];
  slot.changes.store(0, std::memory_order_relaxed);
  slot.applied.store(0, std::memory_order_release);
  std::stop_source stop;
  const std::stop_token token = stop.get_token();
  const auto watched = [&] {
    return WatchedSession(setting_.context, *session_, slot, request.header.number, stop);
  };
  switch (static_cast<SandboxOperation>(request.header.code)) {
    case SandboxOperation::kInit:
      return answer<StartSessionRequest, StartSessionReply>(
          request, [&](auto& start, auto& /*reply*/) { return init(start, token); });
    case SandboxOperation::kObserve:
      return answer<StartSessionRequest, StartSessionReply>(
          request, [&](const auto& start, auto& reply) {
            WatchedSession session = watched();
            return run_start_observations(session, setting_.spaces, start, reply, token,
                                          setting_.max_reply_bytes);
          });
    case SandboxOperation::kStep:
      return answer<StepRequest, StepReply>(request, [&](const auto& step, auto& reply) {
        WatchedSession session = watched();
        return run_step(session, setting_.spaces, step, reply, token, setting_.max_reply_bytes);
      });
    case SandboxOperation::kRecordedStep:
      return recorded_step(request, token, watched());
    case SandboxOperation::kParameters:
      return answer<SendSessionParameterRequest, SendSessionParameterReply>(
          request, [&](const auto& parameters, auto& reply) {
            WatchedSession session = watched();
            return run_parameters(session, parameters, reply, token);
          });
    case SandboxOperation::kFork:
      break;
  }
  return {internal_error("A sandbox process was asked for what it does not know"), {}};
}

SandboxProcess::Reply SandboxProcess::recorded_step(const Frame& frame, const std::stop_token& stop,
                                                    WatchedSession session) {
  StepOutcome outcome;
  Reply reply = answer<StepRequest, StepReply>(frame, [&](const auto& step, auto& its_reply) {
    return run_step(session, setting_.spaces, step, its_reply, stop, setting_.max_reply_bytes,
                    &outcome);
  });
  if (reply.status.ok()) {
    const std::size_t size = reply.message.size();
    internal::append_outcome(outcome, reply.message);
    if (reply.message.size() > setting_.max_reply_bytes) {
      reply.message.resize(size);
      internal::append_outcome({.is_special = true}, reply.message);
    }
  }
  return reply;
}

template <typename Request, typename Answer, typename Run>
SandboxProcess::Reply SandboxProcess::answer(const Frame& frame, Run run) {
  Request request;
  if (!request.ParseFromString(frame.body)) {
    return {internal_error("A sandbox process can't parse its request"), {}};
  }
  Answer answer;
  Reply reply{run(request, answer), {}};
  if (!reply.status.ok()) {
    return reply;
  }
  if (const std::size_t bytes = answer.ByteSizeLong(); bytes > setting_.max_reply_bytes) {
    return {reply_too_large(bytes, setting_.max_reply_bytes), {}};
  }
  reply.message = answer.SerializeAsString();
  return reply;
}

grpc::Status SandboxProcess::init(StartSessionRequest& request, const std::stop_token& stop) {
  try {
    session_ = setting_.make_session(setting_.context);
  } catch (...) {
    return status_from_current_exception();
  }
  auto benchmark = std::make_shared<Benchmark>(std::move(*request.mutable_benchmark()));
  return run_init(*session_, setting_.spaces, request.action_space(), std::move(benchmark), stop);
}

void SandboxProcess::fork_session() {
  FileDescriptor socket = std::exchange(passed_, FileDescriptor());
  // An orphan comes to the nearest process that adopts: not this one, this time.
  adopt_orphans(false);
  const int error = fork_orphan();
  if (error == 0) {
    adopt_orphans(true);
    return;
  }
  // To the new sandbox's socket: this one's is not expected to say anything.
  std::swap(socket_, socket);
  if (error != kForked) {
    adopt_orphans(true);
    write_reply(0, {resource_exhausted(std::string("A sandbox process can't be forked: ") +
                                       std::strerror(error)),
                    {}});
    std::swap(socket_, socket);
    return;
  }
  setsid();
  be_a_child_of_the_zygote();
  session_->onProcessForked();
  const pid_t pid = getpid();
  write_reply(0, {grpc::Status::OK, fmt::format("{} {}", pid, start_time_of(pid))});
}

// By the signal of the parent's death; and what its commands leave comes to this process, which gets
// rid of it. Neither is inherited.
void SandboxProcess::be_a_child_of_the_zygote() const {
  if (prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) {
    _exit(kExitNotLimited);
  }
  adopt_orphans(true);
  if (getppid() != setting_.zygote) {
    _exit(0);  // it was dead before
  }
}

}  // namespace

void run_sandbox_process(FileDescriptor socket, const SandboxSetting& setting) {
  SandboxProcess(std::move(socket), setting).run();
}

}  // namespace compiler_gym::isolated
