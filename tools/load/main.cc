// compiler_gym-load: puts load on a compiler service and reports what it measured.
#include <fmt/core.h>

#include <algorithm>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <memory>
#include <string>
#include <thread>
#include <utility>

#include "client/client_loop.h"
#include "client/managed_service.h"
#include "core/support/status.h"
#include "tools/load/load_generator.h"
#include "tools/load/load_options.h"
#include "tools/load/load_result.h"
#include "tools/support/progress_line.h"
#include "tools/support/run_tool.h"
#ifdef COMPILER_GYM_LOAD_CAN_VALIDATE
#include "tools/validate/validator_pool.h"
#endif

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

constexpr auto* kName = "compiler_gym-load";
constexpr int kCouldNotRun = 1;
constexpr int kBadCommandLine = 2;
constexpr int kNotValidated = 3;

/// Writes the JSON where it was asked for. False, with a message, if it cannot.
bool write_result(const LoadCommand& command, const LoadResult& result) {
  if (command.json.empty()) {
    fmt::print("{}", to_text(command.load, result));
    return true;
  }
  const std::string json = to_json(command.load, result);
  if (command.json == "-") {
    fmt::print("{}", json);
    return true;
  }
  fmt::print("{}", to_text(command.load, result));
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(command.json.c_str(), "w"),
                                                             &std::fclose);
  if (file == nullptr || std::fwrite(json.data(), 1, json.size(), file.get()) != json.size()) {
    fmt::print(stderr, "{}: cannot write '{}'\n", kName, command.json);
    return false;
  }
  return true;
}

#ifdef COMPILER_GYM_LOAD_CAN_VALIDATE
Result<LoadGenerator::Validator> make_validator() {
  auto pool = ValidatorPool::create(std::max(1U, std::thread::hardware_concurrency()));
  if (!pool) {
    return pool.error();
  }
  return LoadGenerator::Validator(
      [pool = std::shared_ptr(*std::move(pool))](const Benchmark& benchmark, std::string bitcode) {
        return pool->async_validate(benchmark, std::move(bitcode));
      });
}
#else
Result<LoadGenerator::Validator> make_validator() {
  return failed_precondition("--validate is not in this program: it was built without LLVM");
}
#endif

asio::awaitable<Result<LoadResult>> generate(CompletionQueuePump& pump,
                                             const LoadCommand& command) {
  LoadGenerator generator(pump, command.load);
  if (command.validate) {
    Result<LoadGenerator::Validator> validator = make_validator();
    if (!validator) {
      co_return validator.error();
    }
    generator.validate_with(*std::move(validator));
  }
  ProgressLine line;
  generator.on_progress([&line](const LoadProgress& progress) {
    line.show(progress.fraction,
              fmt::format("{} operations, {} errors", progress.operations, progress.errors));
  });
  // The first Ctrl-C ends the measurement, the second one the program.
  asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) {
      generator.interrupt();
      signals.clear();
    }
  });
  co_return co_await generator.async_run();
}

asio::awaitable<Result<LoadResult>> serve_and_generate(CompletionQueuePump& pump,
                                                       LoadCommand& command) {
  if (command.serve.empty()) {
    co_return co_await generate(pump, command);
  }
  ManagedServiceOptions options;
  options.binary = command.serve;
  options.arguments = command.serve_arguments;
  Result<std::unique_ptr<ManagedService>> service =
      co_await ManagedService::async_start(std::move(options));
  if (!service) {
    co_return service.error();
  }
  command.load.target = (*service)->target();
  command.load.server_pid = (*service)->pid();
  Result<LoadResult> result = co_await generate(pump, command);
  const ProcessExit exit = co_await (*service)->async_stop();
  if (result) {
    result->server_exit = exit.describe();
  }
  co_return result;
}

int run(int argc, char** argv) {
  Result<LoadCommand> command = parse_load_command(argc, argv);
  if (!command) {
    fmt::print(stderr, "{}: {}\n", kName, command.error().error_message());
    return kBadCommandLine;
  }
  if (!command->help.empty()) {
    fmt::print("{}", command->help);
    return 0;
  }
  ClientLoop loop;
  const Result<LoadResult> result = loop.run(serve_and_generate(loop.pump(), *command));
  if (!result) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(result.error()));
    return kCouldNotRun;
  }
  if (!write_result(*command, *result)) {
    return kCouldNotRun;
  }
  return !command->validate || result->all_validated() ? 0 : kNotValidated;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kCouldNotRun, run, argc, argv);
}
