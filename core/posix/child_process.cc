#include "core/posix/child_process.h"

#include <fcntl.h>
#include <spawn.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/posix/event_counter.h"
#include "core/posix/exec_strings.h"
#include "core/posix/file_descriptor.h"
#include "core/posix/pidfd.h"
#include "core/posix/process_mark.h"
#include "core/posix/process_watch.h"
#include "core/posix/processes.h"
#include "core/posix/processors.h"
#include "core/posix/wait_readable.h"

// posix_spawn rather than fork: a copy of this process's page tables takes milliseconds when
// thousands of sessions are open, and nothing but the kernel runs between the two in the child.
// What posix_spawn can't do, the limits, the shell does before it runs the command.

namespace compiler_gym {
namespace {

using Clock = std::chrono::steady_clock;

// Our end of what the command writes to.
class OutputPipe {
 public:
  explicit OutputPipe(std::size_t max_size) : max_size_(max_size) {}

  // Returns false, with errno set, if there are no more descriptors.
  [[nodiscard]] bool open() {
    std::array<int, 2> ends{};
    if (pipe2(ends.data(), O_CLOEXEC) != 0) {
      return false;
    }
    read_end_ = FileDescriptor(ends[0]);
    write_end_ = FileDescriptor(ends[1]);
    return fcntl(read_end_.get(), F_SETFL, O_NONBLOCK) == 0;
  }

  // Reads what there is, without waiting for more.
  void drain() {
    std::array<char, 4096> buffer{};
    while (read_end_.get() >= 0) {
      const ssize_t count = read(read_end_.get(), buffer.data(), buffer.size());
      if (count > 0) {
        const std::size_t room = max_size_ - text_.size();
        text_.append(buffer.data(), std::min(static_cast<std::size_t>(count), room));
      } else if (count == 0) {
        read_end_.reset();
      } else if (errno != EINTR) {
        return;
      }
    }
  }

  [[nodiscard]] int read_end() const { return read_end_.get(); }
  [[nodiscard]] int write_end() const { return write_end_.get(); }
  void close_write_end() { write_end_.reset(); }
  [[nodiscard]] std::string take_text() { return std::move(text_); }

 private:
  const std::size_t max_size_;
  FileDescriptor read_end_;
  FileDescriptor write_end_;
  std::string text_;
};

// Without a limit of the address space, unless one is wanted or this process has a hard one.
std::string with_limits(const std::string& command, const ProcessLimits& limits) {
  const std::string address_space =
      limits.address_space_in_bytes == 0
          ? "-S -v unlimited 2>/dev/null"
          : "-v " + std::to_string(limits.address_space_in_bytes / 1024);
  return "ulimit -c 0; ulimit " + address_space + "; ulimit -f " +
         std::to_string(limits.file_size_in_bytes / 512) + "; ulimit -t " +
         std::to_string(limits.cpu_time.count()) + "\n" + command;
}

class SpawnActions {
 public:
  SpawnActions(const ShellCommand& command, const OutputPipe& out, const OutputPipe& err) {
    note(posix_spawn_file_actions_init(&actions_));
    note(posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0));
    note(posix_spawn_file_actions_adddup2(&actions_, out.write_end(), STDOUT_FILENO));
    note(posix_spawn_file_actions_adddup2(&actions_, err.write_end(), STDERR_FILENO));
    note(posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1));
    note(posix_spawn_file_actions_addchdir_np(&actions_, command.directory.c_str()));

    // The group, and none of the signal dispositions of a thread of a server.
    note(posix_spawnattr_init(&attributes_));
    note(posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETSIGMASK));
    note(posix_spawnattr_setpgroup(&attributes_, 0));
    sigset_t signals;
    sigfillset(&signals);
    note(posix_spawnattr_setsigdefault(&attributes_, &signals));
    sigemptyset(&signals);
    note(posix_spawnattr_setsigmask(&attributes_, &signals));
  }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  ~SpawnActions() {
    posix_spawnattr_destroy(&attributes_);
    posix_spawn_file_actions_destroy(&actions_);
  }

  [[nodiscard]] const posix_spawn_file_actions_t* actions() const { return &actions_; }
  [[nodiscard]] const posix_spawnattr_t* attributes() const { return &attributes_; }
  /// Why these are not what they should be; 0: they are.
  [[nodiscard]] int error() const { return error_; }

 private:
  void note(int error) { error_ = error_ == 0 ? error : error_; }

  int error_ = 0;
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

// The number of the process, or -1 with errno set.
pid_t spawn(const ShellCommand& command, const std::string& mark, const OutputPipe& out,
            const OutputPipe& err) {
  std::vector<std::string> arguments{"/bin/sh", "-c", with_limits(command.command, command.limits)};
  std::map<std::string, std::string> variables = command.environment;
  variables[kProcessMark] = mark;
  std::vector<std::string> added;
  for (const auto& [name, value] : variables) {
    added.push_back(name + "=" + value);
  }
  std::vector<std::string> environment = environment_with(added);
  const SpawnActions spawning(command, out, err);
  std::optional<OnProcessor> pinned;
  if (command.processor.has_value()) {
    pinned.emplace(*command.processor);
  }
  const int unprepared = pinned && spawning.error() == 0 ? pinned->error() : spawning.error();
  pid_t pid = -1;
  errno = unprepared != 0
              ? unprepared
              : posix_spawn(&pid, "/bin/sh", spawning.actions(), spawning.attributes(),
                            null_terminated(arguments).data(), null_terminated(environment).data());
  return errno == 0 ? pid : -1;
}

// A command that runs.
class RunningCommand {
 public:
  // `stop`: a descriptor that can be read when the command is to be killed; -1: none.
  RunningCommand(pid_t pid, const ShellCommand& command, OutputPipe& out, OutputPipe& err, int stop)
      : pid_(pid),
        limits_(command.limits),
        deadline_(Clock::now() + command.timeout),
        out_(out),
        err_(err),
        stop_(stop),
        process_(pidfd_open(pid, 0)) {}

  // Waits for the command's end, bringing it about if need be, and leaves it unreaped: as long as it
  // is, its number can't become another process's, and killing its group is safe.
  ProcessEnd wait_for_end(const std::stop_token& stop_token) {
    std::atomic<bool> stopped = false;
    const std::stop_callback stop(stop_token, [&stopped, this] {
      stopped = true;
      kill(-pid_, SIGKILL);
    });
    const ProcessEnd end = read_until_end(/*enforce=*/true);
    kill(-pid_, SIGKILL);
    if (end != ProcessEnd::kExited) {
      static_cast<void>(read_until_end(/*enforce=*/false));
      return end;
    }
    return stopped ? ProcessEnd::kStopped : ProcessEnd::kExited;
  }

 private:
  // Between two looks at the memory; and at the process, where containers deny pidfds.
  static constexpr std::chrono::milliseconds kWatchPeriod{200};
  static constexpr std::chrono::milliseconds kPollPeriod{5};

  // Reads what the command writes until it has ended, or until it has to be killed, and why.
  ProcessEnd read_until_end(bool enforce) {
    Clock::time_point next_look = Clock::now() + kWatchPeriod;
    for (;;) {
      std::array<pollfd, 4> events{{{process_.get(), POLLIN, 0},
                                    {out_.read_end(), POLLIN, 0},
                                    {err_.read_end(), POLLIN, 0},
                                    {enforce ? stop_ : -1, POLLIN, 0}}};
      wait_readable(events, time_to_wait(enforce, next_look));
      // Before what it has written is read, so that nothing is left when it has ended.
      const bool ended = process_ ? events[0].revents != 0 : has_ended();
      out_.drain();
      err_.drain();
      if (ended) {
        return ProcessEnd::kExited;
      }
      if (events[3].revents != 0) {
        return ProcessEnd::kStopped;
      }
      const Clock::time_point now = Clock::now();
      if (enforce && now >= deadline_) {
        return ProcessEnd::kTimedOut;
      }
      if (enforce && now >= next_look) {
        if (largest_resident_size(pid_) > limits_.resident_memory_in_bytes) {
          return ProcessEnd::kTooLarge;
        }
        // To look takes the longer the more processes the machine has: a twentieth of the time.
        const Clock::time_point looked = Clock::now();
        next_look = looked + std::max<Clock::duration>(kWatchPeriod, 20 * (looked - now));
      }
    }
  }

  [[nodiscard]] std::chrono::milliseconds time_to_wait(bool enforce,
                                                       Clock::time_point next_look) const {
    if (!process_) {
      return kPollPeriod;
    }
    if (!enforce) {
      return kForever;
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(std::min(deadline_, next_look) - Clock::now());
    return std::clamp(left, std::chrono::milliseconds(0), kWatchPeriod);
  }

  // A failure too, since then there is nothing to wait for.
  [[nodiscard]] bool has_ended() const {
    siginfo_t info{};
    return waitid(P_PID, static_cast<id_t>(pid_), &info, WEXITED | WNOHANG | WNOWAIT) != 0 ||
           info.si_pid == pid_;
  }

  const pid_t pid_;
  const ProcessLimits& limits_;
  const Clock::time_point deadline_;
  OutputPipe& out_;
  OutputPipe& err_;
  const int stop_;
  const FileDescriptor process_;
};

grpc::Status starting_error(const ShellCommand& command, int error) {
  const std::string text =
      "Command '" + command.command + "' could not be started: " + std::strerror(error);
  return is_shortage(error) ? resource_exhausted(text) : internal_error(text);
}

std::chrono::microseconds duration_of(const timeval& time) {
  return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
}

// How the process ended, which is reaped; false if nobody knows.
bool reap(pid_t pid, ProcessResult& result) {
  int status = 0;
  rusage usage{};
  pid_t reaped = -1;
  do {
    reaped = wait4(pid, &status, 0, &usage);
  } while (reaped < 0 && errno == EINTR);
  if (reaped != pid) {
    return false;
  }
  result.processor_time = duration_of(usage.ru_utime) + duration_of(usage.ru_stime);
  if (WIFEXITED(status)) {
    result.code = WEXITSTATUS(status);
  } else if (WIFSIGNALED(status)) {
    result.code = WTERMSIG(status);
    if (result.end == ProcessEnd::kExited) {
      result.end = ProcessEnd::kSignal;
    }
  }
  return true;
}

// Both, or nothing: one says little without the other.
class EventCounters {
 public:
  explicit EventCounters(bool wanted) {
    if (!wanted) {
      return;
    }
    Result<EventCounter> instructions = EventCounter::of_instructions();
    Result<EventCounter> cycles = EventCounter::of_cycles();
    if (instructions && cycles) {
      instructions_ = *std::move(instructions);
      cycles_ = *std::move(cycles);
    }
  }

  [[nodiscard]] std::optional<EventCounts> read() const {
    const auto instructions = instructions_ ? instructions_->read() : std::nullopt;
    const auto cycles = cycles_ ? cycles_->read() : std::nullopt;
    if (!instructions || !cycles) {
      return std::nullopt;
    }
    return EventCounts{.instructions = *instructions, .cycles = *cycles};
  }

 private:
  std::optional<EventCounter> instructions_;
  std::optional<EventCounter> cycles_;
};

// `has_children_of_commands_only`: every child that this process did not have before is the command's.
Result<ProcessResult> run(const ShellCommand& command, const std::stop_token& stop_token, int stop,
                          bool has_children_of_commands_only) {
  OutputPipe out(command.max_output_in_bytes);
  OutputPipe err(command.max_output_in_bytes);
  if (!out.open() || !err.open()) {
    return starting_error(command, errno);
  }
  const std::string mark = new_process_mark();
  const std::optional<std::vector<pid_t>> children_before =
      has_children_of_commands_only ? std::optional(children_of_this_process()) : std::nullopt;
  const EventCounters counters(command.counts_events);
  const Clock::time_point start = Clock::now();
  const pid_t pid = spawn(command, mark, out, err);
  if (pid < 0) {
    return starting_error(command, errno);
  }
  out.close_write_end();
  err.close_write_end();

  ProcessResult result;
  result.end = RunningCommand(pid, command, out, err, stop).wait_for_end(stop_token);
  result.elapsed = Clock::now() - start;
  kill_marked(mark, pid);
  const bool reaped = reap(pid, result);
  const int reaping_error = errno;
  if (children_before) {
    constexpr std::chrono::seconds kPatience{2};
    kill_children(kPatience, *children_before);  // what has emptied its environment as well
  }
  if (!reaped) {
    return unavailable("How command '" + command.command +
                       "' ended is not known: " + std::strerror(reaping_error) +
                       ". Whatever started this service must not ignore SIGCHLD");
  }
  result.events = counters.read();
  result.standard_output = out.take_text();
  result.standard_error = err.take_text();
  return result;
}

}  // namespace

Result<ProcessResult> run_shell_command(const ShellCommand& command,
                                        const std::stop_token& stop_token) {
  return run(command, stop_token, -1, children_are_of_commands());
}

Result<ProcessResult> run_only_command(const ShellCommand& command, const FileDescriptor& stop) {
  return run(command, std::stop_token(), stop.get(), true);
}

}  // namespace compiler_gym
