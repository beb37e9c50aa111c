#include "sessions/isolated/sandbox_process.h"

#include <fmt/core.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstring>
#include <memory>
#include <new>
#include <optional>
#include <string>
#include <tuple>
#include <utility>

#include "core/posix/freed_memory.h"
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
  Reply init(const Frame& frame, const std::stop_token& stop);
  grpc::Status init_session(const std::stop_token& stop);
  Reply reset(const std::stop_token& stop);
  bool has_left_something() const;
  void limit_cpu_time() const;
  void fork_session();
  void be_a_child_of_the_zygote() const;

  FileDescriptor socket_;
  const SandboxSetting setting_;
  FileDescriptor passed_;  // with the request that is being read
  std::unique_ptr<CompilationSession> session_;
  // What it was initialised by, if it may be again.
  std::shared_ptr<const Benchmark> benchmark_;
  int action_space_ = 0;
  std::uint64_t loaded_size_ = 0;  // of this process's memory then
  std::uint32_t ended_sessions_ = 0;
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
      return init(request, token);
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
    case SandboxOperation::kPing:
      return {};
    case SandboxOperation::kReset:
      return reset(token);
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

// ------------------------------------------------------------------------------ its sessions

SandboxProcess::Reply SandboxProcess::init(const Frame& frame, const std::stop_token& stop) {
  Reply reply =
      answer<StartSessionRequest, StartSessionReply>(frame, [&](auto& start, auto& /*reply*/) {
        action_space_ = start.action_space();
        benchmark_ = std::make_shared<Benchmark>(std::move(*start.mutable_benchmark()));
        return init_session(stop);
      });
  if (reply.status.ok() && session_->leavesNothingBehind()) {
    give_freed_memory_back();  // all but what the next session will want again
    loaded_size_ = own_memory_in_bytes();
    reply.message = kRecyclable;
  } else {
    benchmark_.reset();
  }
  return reply;
}

grpc::Status SandboxProcess::init_session(const std::stop_token& stop) {
  try {
    session_ = setting_.make_session(setting_.context);
  } catch (...) {
    return status_from_current_exception();
  }
  return run_init(*session_, setting_.spaces, action_space_, benchmark_, stop);
}

SandboxProcess::Reply SandboxProcess::reset(const std::stop_token& stop) {
  if (benchmark_ == nullptr || !session_->leavesNothingBehind()) {
    return {failed_precondition("The session leaves something behind"), {}};
  }
  session_.reset();
  passed_.reset();
  if (has_left_something()) {
    return {failed_precondition("The session has left something behind"), {}};
  }
  limit_cpu_time();
  if (grpc::Status status = init_session(stop); !status.ok()) {
    return {std::move(status), {}};
  }
  const std::uint64_t size = own_memory_in_bytes();
  const std::uint64_t grown_by = size - std::min(size, loaded_size_);
  return {grpc::Status::OK, fmt::format("{} {} {}", size, grown_by, ++ended_sessions_)};
}

// Children, but for zombies, which are reaped here; or files.
bool SandboxProcess::has_left_something() const {
  pid_t child = 0;
  do {
    child = waitpid(-1, nullptr, WNOHANG);
  } while (child > 0);
  boost::system::error_code error;
  const boost::filesystem::path scratch = setting_.context.scratchDirectory();
  boost::filesystem::remove(scratch, error);  // if it is empty
  return child == 0 || boost::filesystem::exists(scratch, error);
}

// The limit is of what the process has used in all.
void SandboxProcess::limit_cpu_time() const {
  if (setting_.cpu_time.count() == 0) {
    return;
  }
  rusage used{};
  rlimit limit{};
  if (getrusage(RUSAGE_SELF, &used) != 0 || getrlimit(RLIMIT_CPU, &limit) != 0) {
    _exit(kExitNotLimited);
  }
  const auto seconds = static_cast<rlim_t>(used.ru_utime.tv_sec + used.ru_stime.tv_sec + 1);
  limit.rlim_cur =
      std::min(seconds + static_cast<rlim_t>(setting_.cpu_time.count()), limit.rlim_max);
  if (setrlimit(RLIMIT_CPU, &limit) != 0) {
    _exit(kExitNotLimited);
  }
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
  if (ended_sessions_ > 0) {
    limit_cpu_time();  // it is higher in the other one
  }
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

std::optional<ResetReport> reset_report(std::string_view answer) {
  ResetReport report;
  const char* const end = answer.data() + answer.size();
  const auto read = [&](const char* from, auto& number) {
    const auto [to, error] = std::from_chars(from, end, number);
    return error == std::errc() && to != end ? to + 1 : to;
  };
  const char* const rest = read(read(answer.data(), report.size_in_bytes), report.grown_by);
  return read(rest, report.sessions) == end && report.sessions > 0 ? std::optional(report)
                                                                   : std::nullopt;
}

void run_sandbox_process(FileDescriptor socket, const SandboxSetting& setting) {
  SandboxProcess(std::move(socket), setting).run();
}

}  // namespace compiler_gym::isolated
