#include "async_server/create_and_run_compiler_gym_service.h"

#include <fmt/core.h>
#include <unistd.h>

#include <algorithm>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/filesystem/operations.hpp>
#include <csignal>
#include <cstdio>
#include <exception>
#include <string>
#include <thread>
#include <utility>
#include <variant>

#include "async_server/command_line.h"
#include "async_server/version.h"
#include "core/logger.h"
#include "core/status.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;

int fail(const std::string& reason) {
  fmt::print(stderr, "ERROR: {}\n", reason);
  return kExitStartFailed;
}

// Made with its parents and with logs/ if it does not exist; a fresh one under the temporary
// directory if none was named.
Result<fs::path> prepare_working_directory(const fs::path& asked_for) {
  boost::system::error_code error;
  fs::path directory = asked_for;
  if (directory.empty()) {
    directory = fs::temp_directory_path(error) /
                fs::unique_path("compiler_gym_service-%%%%-%%%%-%%%%", error);
  }
  directory = fs::absolute(directory, error);
  if (!error) {
    fs::create_directories(directory / "logs", error);
  }
  if (error) {
    return internal_error(fmt::format("cannot make the working directory {}: {}",
                                      directory.string(), error.message()));
  }
  return directory;
}

std::string log_file_name(const char* program) {
  const std::string name = fs::path(program).filename().string();
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

int run(const ServiceCommand& command, ServicePlugin plugin, Logger& logger) {
  constexpr int kIoThreads = 2;  // one more than there are completion queues
  asio::io_context io_context(kIoThreads);
  Server server(io_context, std::move(plugin), command.server, logger);

  asio::signal_set signals(io_context, SIGTERM, SIGINT);
  asio::co_spawn(io_context, drain_on_signals(signals, server, logger, command.server.drain_grace),
                 [](const std::exception_ptr& error) {
                   if (error != nullptr) {
                     std::rethrow_exception(error);
                   }
                 });

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
    auto parsed = parse_command_line(argc, argv, usage);
    if (!parsed) {
      return fail(parsed.error().error_message());
    }
    if (const auto* print = std::get_if<PrintAndExit>(&*parsed)) {
      fmt::print("{}", print->text);
      return kExitOk;
    }
    auto& command = std::get<ServiceCommand>(*parsed);
    const Result<fs::path> directory = prepare_working_directory(command.working_directory);
    if (!directory) {
      return fail(directory.error().error_message());
    }
    command.server.working_directory = *directory;
    command.server.write_service_files = true;
    const auto logger = make_logger({
        .level = command.verbosity > 0 ? LogLevel::kVerbose : LogLevel::kInfo,
        .file = (*directory / "logs" / log_file_name(argv[0])).string(),
        .to_stderr = command.log_to_stderr,
        .flush_every_line = command.log_every_line,
    });
    logger->info("version {}, process {}, working directory {}", service_version(), getpid(),
                 directory->string());
    return run(command, std::move(plugin), *logger);
  } catch (...) {
    return fail(status_from_current_exception().error_message());
  }
}

}  // namespace compiler_gym
