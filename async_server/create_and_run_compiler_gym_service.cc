#include "async_server/create_and_run_compiler_gym_service.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/post.hpp>
#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "async_server/command_line.h"
#include "async_server/internal/byte_size.h"
#include "async_server/internal/sandbox_confinement.h"
#include "async_server/internal/working_directory.h"
#include "async_server/memory_budget.h"
#include "async_server/version.h"
#include "core/grpc_process.h"
#include "core/posix/command_host.h"
#include "core/posix/freed_memory.h"
#include "core/posix/inherited_state.h"
#include "core/posix/pidfd.h"
#include "core/posix/process_end.h"
#include "core/posix/process_mark.h"
#include "core/posix/processors.h"
#include "core/posix/termination.h"
#include "core/support/logger.h"
#include "core/support/status.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using asio::posix::stream_descriptor;

int fail(const std::string& reason) {
  fmt::print(stderr, "ERROR: {}\n", reason);
  return kExitStartFailed;
}

std::string log_file_name(const char* program) {
  const std::string name = boost::filesystem::path(program).filename().string();
  return (name.empty() ? "service" : name) + ".log";
}

// Readable once the process has ended, however it did.
Result<stream_descriptor> watch_owner(asio::io_context& io_context, pid_t owner) {
  const int pidfd = pidfd_open(owner, 0);
  if (pidfd < 0) {
    return invalid_argument(
        fmt::format("flag 'owner_pid': cannot watch process {}: {}", owner, std::strerror(errno)));
  }
  return stream_descriptor(io_context, pidfd);
}

asio::awaitable<void> terminate_with_owner(stream_descriptor& owner, pid_t pid,
                                           Termination& termination, Logger& logger) {
  const boost::system::error_code error = co_await async_wait_ended(owner);
  if (error) {
    co_return;  // the service has ended
  }
  termination.request();
  logger.info("the owner, process {}, has ended", pid);
}

// The server as the thread that hears the signals knows it: until it has ended.
class RunningServer {
 public:
  RunningServer(asio::io_context& io_context, Logger& logger)
      : io_context_(io_context), logger_(logger) {}

  /// Once async_run() has been called.
  void started(Server& server) {
    const std::lock_guard lock(mutex_);
    server_ = &server;
    if (asked_early_) {
      server.async_drain(Clock::duration::zero(), [](const grpc::Status&) {});
    }
  }
  void ended() {
    const std::lock_guard lock(mutex_);
    server_ = nullptr;
  }

  void drain(int signal, Clock::duration grace) {
    const std::lock_guard lock(mutex_);
    if (server_ == nullptr) {
      asked_early_ = true;
      return;
    }
    server_->async_drain(grace, [](const grpc::Status&) {});
    if (signal != 0) {
      // Not here: whoever hangs in the log must not hold up the thread that ends the process.
      asio::post(io_context_, [&logger = logger_, signal] { logger.info("signal {}", signal); });
    }
  }
  // Something hangs, and is not waited for any more. What the plug-in wants to keep is kept all the
  // same, if that can be done; then there is nothing left to wait for.
  void abandon(Termination& termination) {
    const std::lock_guard lock(mutex_);
    if (server_ != nullptr) {
      server_->async_abandon([&termination](const grpc::Status&) { termination.force(); });
    }
  }

 private:
  asio::io_context& io_context_;
  Logger& logger_;
  std::mutex mutex_;
  Server* server_ = nullptr;
  bool asked_early_ = false;  // to end, when there was no server yet
};

void run_io_thread(asio::io_context& io_context, Logger& logger) {
  for (;;) {
    try {
      io_context.run();
      return;
    } catch (...) {
      logger.error("event loop: {}", to_string(status_from_current_exception()));
    }
  }
}

// The executor asked for if that is possible, or else the one that the plug-in is for, or else the one
// that is allowed.
Result<ExecutorKind> choose_executor(std::optional<ExecutorKind> asked_for,
                                     const SessionServiceOptions& allowed, Isolation isolation) {
  if (asked_for == ExecutorKind::kIsolated && isolation == Isolation::kImpossible) {
    return invalid_argument(
        "flag 'executor': sessions of this service share what they change, and can't be isolated");
  }
  ExecutorKind chosen = asked_for.value_or(
      isolation == Isolation::kDefault ? ExecutorKind::kIsolated : ExecutorKind::kInline);
  const auto is_allowed = [&allowed](ExecutorKind kind) {
    return kind == ExecutorKind::kInline ? allowed.allow_inline : allowed.allow_isolated;
  };
  if (!asked_for && isolation != Isolation::kImpossible && !is_allowed(chosen)) {
    chosen = chosen == ExecutorKind::kInline ? ExecutorKind::kIsolated : ExecutorKind::kInline;
  }
  if (!is_allowed(chosen)) {
    return invalid_argument(
        asked_for ? "flag 'allow_executors': does not allow what --executor asks for"
                  : "flag 'allow_executors': sessions of this service can be inline only");
  }
  return chosen;
}

// Before there are threads.
Result<std::optional<isolated::Zygote>> fork_zygote(
    const ServiceCommand& command, const ServicePlugin& plugin,
    const std::optional<isolated::Confinement>& confinement) {
  if (plugin.isolation == Isolation::kImpossible) {
    return std::nullopt;
  }
  const ServerOptions& server = command.server;
  auto make_context = [&] { return plugin.make_context(server.working_directory, server.context); };
  Result<isolated::Zygote> zygote = isolated::Zygote::fork({
      .make_context = make_context,
      .make_session = plugin.make_session,
      .working_directory = server.working_directory,
      .limits = command.sandbox_limits,
      .confinement = confinement,
      .max_sandboxes = server.sessions.max_sessions + 2 * server.isolation.max_templates,
      .max_reply_bytes = server.sessions.max_reply_bytes,
  });
  if (!zygote) {
    return zygote.error();
  }
  return std::optional<isolated::Zygote>(*std::move(zygote));
}

// Likewise. For what isolated sessions start, their own processes see to that.
Result<std::shared_ptr<CommandHost>> fork_command_host(const ServiceCommand& command,
                                                       const ServicePlugin& plugin) {
  if (!plugin.runs_commands || !command.server.sessions.allow_inline) {
    return std::shared_ptr<CommandHost>();
  }
  return CommandHost::fork();
}

void log_memory(const ServiceCommand& command, std::optional<std::uint64_t> available,
                Logger& logger) {
  const ServerOptions& server = command.server;
  logger.info("memory budget {} of {} available: {}", internal::format_bytes(command.memory_budget),
              available ? internal::format_bytes(*available) : "unknown",
              to_string(MemoryBounds{
                  .max_benchmark_cache_bytes = server.context.max_benchmark_cache_bytes,
                  .state_graph_bytes = server.context.state_graph_bytes,
                  .max_templates = server.isolation.max_templates,
                  .max_idle_bytes = server.isolation.recycle.max_idle_bytes,
                  .max_bytes_in_flight = server.max_bytes_in_flight,
                  .max_grpc_memory = server.max_grpc_memory,
                  .max_unread_bytes = server.max_unread_bytes,
                  .max_reply_size = server.sessions.max_reply_bytes,
                  .max_executor_bytes = server.sessions.max_executor_bytes,
                  .sandbox_memory = command.sandbox_limits.memory_in_bytes,
              }));
}

Result<std::unique_ptr<Termination>> start_termination(const ServiceCommand& command,
                                                       const boost::filesystem::path& log_file,
                                                       const std::array<pid_t, 2>& servants,
                                                       RunningServer& running,
                                                       std::unique_ptr<Termination>& termination) {
  return Termination::start({
      .grace = command.server.drain_grace,
      .forced_exit_status = kExitForced,
      .log_file = log_file,
      .on_request = [&](int signal, Clock::duration grace) { running.drain(signal, grace); },
      .on_abandon = [&] { running.abandon(*termination); },
      // They end what sessions have left when this process is gone, unless somebody has stopped them.
      .on_force =
          [servants] {
            for (const pid_t servant : servants) {
              if (servant > 0) {
                kill(servant, SIGCONT);
              }
            }
          },
  });
}

int run(const ServiceCommand& command, ServicePlugin plugin,
        const boost::filesystem::path& log_file, Logger& logger,
        std::optional<isolated::Zygote> zygote) {
  constexpr int kIoThreads = 2;  // one more than there are completion queues
  asio::io_context io_context(kIoThreads);

  // Before the server, whose destruction could hang as well.
  RunningServer running(io_context, logger);
  std::unique_ptr<Termination> termination;
  const CommandHost* const command_host = command.server.context.command_host.get();
  const std::array<pid_t, 2> servants{zygote ? zygote->keeper() : 0,
                                      command_host != nullptr ? command_host->pid() : 0};
  Result<std::unique_ptr<Termination>> watching =
      start_termination(command, log_file, servants, running, termination);
  if (!watching) {
    return fail(watching.error().error_message());
  }
  termination = *std::move(watching);

  ServerOptions options = command.server;
  options.max_wait.reset();  // so that one of them can wait for gRPC alone
  Server server(io_context, std::move(plugin), std::move(options), logger, std::move(zygote));

  std::optional<stream_descriptor> owner;
  if (command.owner_pid.has_value()) {
    Result<stream_descriptor> watched = watch_owner(io_context, *command.owner_pid);
    if (!watched) {
      return fail(watched.error().error_message());
    }
    owner.emplace(*std::move(watched));
    asio::co_spawn(io_context,
                   terminate_with_owner(*owner, *command.owner_pid, *termination, logger),
                   [](const std::exception_ptr& error) {
                     if (error != nullptr) {
                       std::rethrow_exception(error);
                     }
                   });
  }

  bool served = false;
  grpc::Status started;
  server.async_started([&](grpc::Status status) {
    served = status.ok();
    started = std::move(status);
  });
  grpc::Status outcome;
  server.async_run([&](grpc::Status status) {
    outcome = std::move(status);
    running.ended();
    if (owner.has_value()) {
      owner->cancel();
    }
  });

  running.started(server);

  std::jthread second_thread([&] { run_io_thread(io_context, logger); });
  run_io_thread(io_context, logger);
  second_thread.join();

  int status = server.session_count() > 0 ? kExitSessionsOpen : kExitOk;
  if (!outcome.ok()) {
    fmt::print(stderr, "ERROR: {}\n", to_string(outcome));
    status = served ? kExitShutdownFailed : kExitStartFailed;
  }
  termination->finished(status);  // gRPC's own shutdown can hang, for want of a thread for one
  return status;
}

}  // namespace

int run_compiler_gym_service(int argc, const char* const* argv, const char* usage,
                             ServicePlugin plugin) {
  disable_abseil_deadlock_detection();
  try {
    for (const auto prepare : {&reset_inherited_signals, &block_termination_signals}) {
      if (const grpc::Status ready = prepare(); !ready.ok()) {
        return fail(ready.error_message());
      }
    }
    const std::optional<std::uint64_t> memory = available_memory();
    auto parsed = parse_command_line(argc, argv, usage, default_memory_budget(memory));
    if (!parsed) {
      return fail(parsed.error().error_message());
    }
    if (const auto* print = std::get_if<PrintAndExit>(&*parsed)) {
      fmt::print("{}", print->text);
      return kExitOk;
    }
    auto& command = std::get<ServiceCommand>(*parsed);
    const auto directory = internal::WorkingDirectory::prepare(command.working_directory);
    if (!directory) {
      return fail(directory.error().error_message());
    }
    command.server.working_directory = directory->path();
    command.server.write_service_files = true;
    const Result<ExecutorKind> executor =
        choose_executor(command.executor, command.server.sessions, plugin.isolation);
    if (!executor) {
      return fail(executor.error().error_message());
    }
    command.server.sessions.executor = *executor;
    const Result<rlim_t> descriptors = raise_descriptor_limit();
    if (!descriptors) {
      return fail(descriptors.error().error_message());
    }
    if (const std::optional<int> processor = command.server.context.measurement_processor) {
      const grpc::Status left_alone = leave_processor_alone(*processor);
      if (!left_alone.ok()) {
        return fail("--measurement_processor: " + left_alone.error_message());
      }
    }
    const Result<std::optional<isolated::Confinement>> confined =
        internal::sandbox_confinement(command);
    if (!confined) {
      return fail(confined.error().error_message());
    }
    Result<std::optional<isolated::Zygote>> zygote = fork_zygote(command, plugin, *confined);
    if (!zygote) {
      return fail(zygote.error().error_message());
    }
    Result<std::shared_ptr<CommandHost>> command_host = fork_command_host(command, plugin);
    if (!command_host) {
      return fail(command_host.error().error_message());
    }
    command.server.context.command_host = *std::move(command_host);
    give_freed_memory_back();  // sandboxes, which were forked before, see to that themselves
    const boost::filesystem::path log_file = directory->path() / "logs" / log_file_name(argv[0]);
    const auto logger = make_logger({
        .level = command.verbosity > 0 ? LogLevel::kVerbose : LogLevel::kInfo,
        .file = log_file.string(),
        .to_stderr = command.log_to_stderr,
        .flush_every_line = command.log_every_line,
    });
    logger->info("version {}, process {}, working directory {}", service_version(), getpid(),
                 directory->path().string());
    log_memory(command, memory, *logger);
    logger->info("file descriptors: {} may be open", *descriptors);
    if (zygote->has_value()) {
      logger->info("{}", internal::describe_confinement(*confined, command.sandbox));
    }
    const int status = run(command, std::move(plugin), log_file, *logger, *std::move(zygote));
    // What commands of inline sessions have left, that nobody had killed.
    command.server.context.command_host.reset();
    kill_marked(process_marks_of(getpid()), getpid());
    boost::system::error_code ignored;
    boost::filesystem::remove_all(
        CompilerGymServiceContext::scratchDirectoryOf(getpid(), directory->path()), ignored);
    return status;
  } catch (...) {
    return fail(status_from_current_exception().error_message());
  }
}

}  // namespace compiler_gym
