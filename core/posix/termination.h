// From the wish that a process end to its end, whatever hangs.
#pragma once

#include <atomic>
#include <boost/filesystem/path.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <thread>

#include "core/posix/file_descriptor.h"
#include "core/support/clock.h"
#include "core/support/status.h"

namespace compiler_gym {

/// When a process that has been asked to end does what about it. No I/O, and no clock of its own.
class TerminationSchedule {
 public:
  /// `grace`: what running work is given. `abandon_after`, `force_after`: from the end of that on.
  TerminationSchedule(Clock::duration grace, Clock::duration abandon_after,
                      Clock::duration force_after)
      : grace_(grace), abandon_after_(abandon_after), force_after_(force_after) {}

  /// The process is asked to end; by the second such wish it is to end at once. Returns what running
  /// work is given from now on.
  Clock::duration on_request(Clock::time_point now);

  /// All that the process had to do is done: it has no more to wait for than to be torn down.
  void on_finished(Clock::time_point now);

  enum class Step {
    kWait,     ///< until next()
    kAbandon,  ///< what does not come back is not waited for any more. Once
    kForce,    ///< the process ends here
  };
  [[nodiscard]] Step on_time(Clock::time_point now);

  /// time_point::max() as long as nobody has asked.
  [[nodiscard]] Clock::time_point next() const;

 private:
  const Clock::duration grace_;
  const Clock::duration abandon_after_;
  const Clock::duration force_after_;
  Clock::time_point end_of_grace_ = Clock::time_point::max();
  bool abandoned_ = false;
};

struct TerminationOptions {
  std::chrono::milliseconds grace{20'000};
  /// From the end of the grace period: what still hangs is left behind, and on_abandon is called.
  std::chrono::milliseconds abandon_after{2'000};
  /// From the end of the grace period, or from finished(): the process ends.
  std::chrono::milliseconds force_after{5'000};
  /// What it ends with then, unless it had finished.
  int forced_exit_status = 1;
  /// Where a line says that the process was forced; appended to. None if empty.
  boost::filesystem::path log_file{};

  /// SIGTERM or SIGINT (or 0: request() was called) came, and running work has so long.
  std::function<void(int signal, Clock::duration grace)> on_request{};
  /// Must not block, and may ask for what needs other threads: force() follows if they don't help.
  std::function<void()> on_abandon{};
  /// Last of all, before the process ends by force: kills child processes and the like. It must not
  /// block, allocate, nor take a lock that a hanging thread may hold.
  std::function<void()> on_force{};
};

/// A thread that hears the signals which ask this process to end, and sees to it that it does. It is
/// there from the start, needs nothing that could be used up later, and ends with the process.
///
/// Signals:  block_termination_signals() must have been called while there was one thread. They stay
///           blocked, so that one which comes during the last moments changes nothing.
/// Threads:  request() and force() may be called from any thread. The functions of the options run
///           on the thread of this object.
/// Lifetime: destroy it when nothing is left that could hang.
class Termination {
 public:
  /// RESOURCE_EXHAUSTED if there is no descriptor or thread left.
  [[nodiscard]] static Result<std::unique_ptr<Termination>> start(TerminationOptions options);
  Termination(const Termination&) = delete;
  Termination& operator=(const Termination&) = delete;
  ~Termination();

  /// As a signal would: for other reasons to end, such as the end of an owner.
  void request();

  /// All is done, and this is the status to end with: also if destroying what is left hangs.
  void finished(int exit_status);

  /// Ends the process now, with forced_exit_status: what was left behind is known not to matter any
  /// more.
  void force();

 private:
  Termination(TerminationOptions options, FileDescriptor signals, FileDescriptor wake,
              FileDescriptor log);

  void run();
  void on_wake();
  void wake(std::uint64_t what);
  [[noreturn]] void end_process();

  const TerminationOptions options_;
  const FileDescriptor signals_;
  const FileDescriptor wake_;
  const FileDescriptor log_;
  TerminationSchedule schedule_;
  bool stopped_ = false;
  std::atomic<int> exit_status_;
  std::jthread thread_;  // last: uses all of the above
};

/// SIGTERM and SIGINT, in the calling thread and those it makes; and, unless it is set back, in what
/// they execute.
/// Errors: INTERNAL with the system's reason.
[[nodiscard]] grpc::Status block_termination_signals();

}  // namespace compiler_gym
