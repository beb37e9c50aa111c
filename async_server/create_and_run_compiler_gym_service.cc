#include "async_server/create_and_run_compiler_gym_service.h"

#include <fmt/core.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/posix/stream_descriptor.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <exception>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "async_server/command_line.h"
#include "async_server/internal/byte_size.h"
#include "async_server/internal/working_directory.h"
#include "async_server/memory_budget.h"
#include "async_server/version.h"
#include "core/posix/pidfd.h"
#include "core/posix/process_end.h"
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

// The first signal drains, the next one ends the grace period.
asio::awaitable<void> drain_on_signals(asio::signal_set& signals, Server& server, Logger& logger,
                                       Clock::duration grace) {
  for (;;) {
    const auto [error, signal] = co_await signals.async_wait(asio::as_tuple(asio::use_awaitable));
    if (error) {
      co_return;  // the service has ended
    }
    logger.info("signal {}", signal);
    server.async_drain(grace, [](const grpc::Status&) {});
    grace = Clock::duration::zero();
  }
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

asio::awaitable<void> drain_with_owner(stream_descriptor& owner, pid_t pid, Server& server,
                                       Logger& logger, Clock::duration grace) {
  const boost::system::error_code error = co_await async_wait_ended(owner);
  if (error) {
    co_return;  // the service has ended
  }
  logger.info("the owner, process {}, has ended", pid);
  server.async_drain(grace, [](const grpc::Status&) {});
}

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

// The executor that the plug-in is for, or the one asked for if that is possible.
Result<ExecutorKind> choose_executor(std::optional<ExecutorKind> asked_for, Isolation isolation) {
  if (asked_for == ExecutorKind::kIsolated && isolation == Isolation::kImpossible) {
    return invalid_argument(
        "flag 'executor': sessions of this service share what they change, and can't be isolated");
  }
  return asked_for.value_or(isolation == Isolation::kDefault ? ExecutorKind::kIsolated
                                                             : ExecutorKind::kInline);
}

// Each isolated session is a socket.
void raise_descriptor_limit() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

// Before there are threads.
Result<std::optional<isolated::Zygote>> fork_zygote(const ServiceCommand& command,
                                                    const ServicePlugin& plugin) {
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
      .max_sandboxes = server.sessions.max_sessions + 2 * server.isolation.max_templates,
  });
  if (!zygote) {
    return zygote.error();
  }
  return std::optional<isolated::Zygote>(*std::move(zygote));
}

void log_memory(const ServiceCommand& command, std::optional<std::uint64_t> available,
                Logger& logger) {
  const ServerOptions& server = command.server;
  logger.info("memory budget {} of {} available: {}", internal::format_bytes(command.memory_budget),
              available ? internal::format_bytes(*available) : "unknown",
              to_string(MemoryBounds{
                  .max_benchmark_cache_bytes = server.context.max_benchmark_cache_bytes,
                  .max_templates = server.isolation.max_templates,
                  .max_bytes_in_flight = server.max_bytes_in_flight,
                  .max_grpc_memory = server.max_grpc_memory,
                  .max_unread_bytes = server.max_unread_bytes,
                  .sandbox_memory = command.sandbox_limits.memory_in_bytes,
              }));
}

int run(const ServiceCommand& command, ServicePlugin plugin, Logger& logger,
        std::optional<isolated::Zygote> zygote) {
  constexpr int kIoThreads = 2;  // one more than there are completion queues
  asio::io_context io_context(kIoThreads);
  ServerOptions options = command.server;
  options.max_wait.reset();  // so that one of them can wait for gRPC alone
  Server server(io_context, std::move(plugin), std::move(options), logger, std::move(zygote));

  asio::signal_set signals(io_context, SIGTERM, SIGINT);
  const auto rethrow = [](const std::exception_ptr& error) {
    if (error != nullptr) {
      std::rethrow_exception(error);
    }
  };
  asio::co_spawn(io_context, drain_on_signals(signals, server, logger, command.server.drain_grace),
                 rethrow);

  std::optional<stream_descriptor> owner;
  if (command.owner_pid.has_value()) {
    Result<stream_descriptor> watched = watch_owner(io_context, *command.owner_pid);
    if (!watched) {
      return fail(watched.error().error_message());
    }
    owner.emplace(*std::move(watched));
    asio::co_spawn(
        io_context,
        drain_with_owner(*owner, *command.owner_pid, server, logger, command.server.drain_grace),
        rethrow);
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
    signals.cancel();
    if (owner.has_value()) {
      owner->cancel();
    }
  });

  std::jthread second_thread([&] { run_io_thread(io_context, logger); });
  run_io_thread(io_context, logger);
  second_thread.join();

  if (!outcome.ok()) {
    fmt::print(stderr, "ERROR: {}\n", to_string(outcome));
    return served ? kExitShutdownFailed : kExitStartFailed;
  }
  return server.session_count() > 0 ? kExitSessionsOpen : kExitOk;
}

}  // namespace

int run_compiler_gym_service(int argc, const char* const* argv, const char* usage,
                             ServicePlugin plugin) {
  try {
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
    const Result<ExecutorKind> executor = choose_executor(command.executor, plugin.isolation);
    if (!executor) {
      return fail(executor.error().error_message());
    }
    command.server.sessions.executor = *executor;
    raise_descriptor_limit();
    Result<std::optional<isolated::Zygote>> zygote = fork_zygote(command, plugin);
    if (!zygote) {
      return fail(zygote.error().error_message());
    }
    const auto logger = make_logger({
        .level = command.verbosity > 0 ? LogLevel::kVerbose : LogLevel::kInfo,
        .file = (directory->path() / "logs" / log_file_name(argv[0])).string(),
        .to_stderr = command.log_to_stderr,
        .flush_every_line = command.log_every_line,
    });
    logger->info("version {}, process {}, working directory {}", service_version(), getpid(),
                 directory->path().string());
    log_memory(command, memory, *logger);
    const int status = run(command, std::move(plugin), *logger, *std::move(zygote));
    boost::system::error_code ignored;
    boost::filesystem::remove_all(
        CompilerGymServiceContext::scratchDirectoryOf(getpid(), directory->path()), ignored);
    return status;
  } catch (...) {
    return fail(status_from_current_exception().error_message());
  }
}

}  // namespace compiler_gym
