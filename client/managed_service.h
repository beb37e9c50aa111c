// Starts and stops a service's process the way CompilerGym's Python client does.
#pragma once

#include <sys/types.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "core/support/clock.h"
#include "core/support/status.h"

namespace compiler_gym {

struct ManagedServiceOptions {
  boost::filesystem::path binary;
  /// Passed after `--working_dir=`.
  std::vector<std::string> arguments{};
  /// `NAME=value`, added to this process's environment, or instead of what it has by that name.
  std::vector<std::string> environment{};
  /// Where the service keeps its files. If empty, one is made under the temporary directory, with
  /// `logs/` and `disk/` in it, and removed with everything in it at the end.
  boost::filesystem::path working_directory{};
  /// The service does not hear what is meant for this process, such as Ctrl-C in a terminal. For who ends
  /// it whatever happens, if need be by `--owner_pid`.
  bool own_process_group = false;
  /// From the start of the process to a complete `port.txt`.
  std::chrono::seconds start_timeout{30};
  /// From SIGTERM to SIGKILL.
  std::chrono::seconds stop_timeout{30};
  /// How often `port.txt` is looked for: at first, and at last, as the interval grows. The client's own
  /// grows from 0.1 s; who uses this would rather not wait so long for a service that is up in a few
  /// milliseconds.
  std::chrono::microseconds first_poll{5'000};
  std::chrono::microseconds longest_poll{100'000};
};

/// How a process ended.
struct ProcessExit {
  /// The status is not to be had: this process ignores SIGCHLD, or reaps what is not its own.
  static constexpr int kUnknown = 256;

  /// Its exit status, or minus the number of the signal that ended it, or kUnknown.
  int returncode = 0;
  /// It had not ended in time after SIGTERM, and got SIGKILL.
  bool had_to_be_killed = false;

  /// `exit status 6`, `killed by signal 9 (Killed)`, ... for messages.
  [[nodiscard]] std::string describe() const;
};

/// A service process and its working directory.
///
///     auto service = co_await ManagedService::async_start({.binary = path});
///     if (!service) { ... service.error() ... }
///     ServiceClient client(pump, (*service)->target());
///     ...
///     const ProcessExit exit = co_await (*service)->async_stop();
///
/// Threads:  async_ functions run on the coroutine's executor, one at a time per object; pid() and
///           the other plain ones between them. Small files are read and removed in place, so this
///           is for tools and tests rather than for a server's io_context.
/// Lifetime: destroying it ends the process with SIGKILL if it still runs, waits for that, and
///           removes the working directory it made.
/// Errors:   NOT_FOUND: no such binary; UNAVAILABLE: the process cannot be started, ended before it
///           listened (the last lines of its logs are in the text), or wrote nonsense to
///           `port.txt`; DEADLINE_EXCEEDED: no complete `port.txt` within the start timeout.
/// Cancel:   every async_ function, by throwing operation_aborted as coroutines do; a start that is
///           cancelled ends the process.
/// Source:   CONTRACT.md 1; compiler_gym/service/connection.py of CompilerGym 0.2.5.
class ManagedService {
 public:
  /// Runs `./<name>` in the binary's own directory with `--working_dir=<absolute path>` and the
  /// arguments, in this process's environment with those additions, and with its stdin, stdout and stderr. Completes when
  /// `port.txt` is complete, which it is when it ends in a newline.
  [[nodiscard]] static boost::asio::awaitable<Result<std::unique_ptr<ManagedService>>> async_start(
      ManagedServiceOptions options);

  ManagedService(const ManagedService&) = delete;
  ManagedService& operator=(const ManagedService&) = delete;
  ~ManagedService();

  /// SIGTERM, then waits; SIGKILL after the stop timeout. Says how it ended if it has ended
  /// already.
  [[nodiscard]] boost::asio::awaitable<ProcessExit> async_stop();

  /// Waits until the process ends by itself.
  [[nodiscard]] boost::asio::awaitable<ProcessExit> async_wait();

  [[nodiscard]] pid_t pid() const { return pid_; }
  [[nodiscard]] std::uint16_t port() const { return port_; }
  /// `localhost:<port>`, as a gRPC channel wants it.
  [[nodiscard]] std::string target() const;
  [[nodiscard]] const boost::filesystem::path& working_directory() const {
    return working_directory_;
  }

 private:
  using Executor = boost::asio::any_io_executor;

  ManagedService(Executor executor, ManagedServiceOptions options);

  [[nodiscard]] grpc::Status prepare();
  [[nodiscard]] grpc::Status spawn();
  [[nodiscard]] boost::asio::awaitable<grpc::Status> wait_for_port();
  /// True if the process ended within `patience`.
  [[nodiscard]] boost::asio::awaitable<bool> ends_within(Clock::duration patience);
  /// Waits for the end of the process and takes its status.
  void reap();
  void signal(int number);

  const ManagedServiceOptions options_;
  boost::filesystem::path binary_;
  boost::filesystem::path working_directory_;
  bool made_working_directory_ = false;
  pid_t pid_ = -1;
  std::uint16_t port_ = 0;
  /// A pidfd: readable once the process has ended.
  boost::asio::posix::stream_descriptor ended_;
  Timer timer_;
  std::optional<ProcessExit> exit_;
};

}  // namespace compiler_gym
