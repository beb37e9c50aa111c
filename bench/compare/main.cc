// compiler_gym-compare: the service beside a synchronous server and a bare completion queue, or beside
// CompilerGym's own.
#include <fmt/core.h>
#include <stdlib.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/signal_set.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/filesystem/operations.hpp>
#include <csignal>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "bench/compare/compare_options.h"
#include "bench/compare/compare_report.h"
#include "bench/compare/comparison.h"
#include "client/client_loop.h"
#include "core/support/status.h"
#include "tools/support/program_files.h"
#include "tools/support/progress_line.h"
#include "tools/support/require.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;

constexpr auto* kName = "compiler_gym-compare";
constexpr int kCouldNotRun = 1;
constexpr int kBadCommandLine = 2;

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
}

/// The first Ctrl-C ends the servers after the measurement under way, the second one the program.
asio::awaitable<Result<std::vector<RowResult>>> compare_until_interrupted(
    CompletionQueuePump& pump, const CompareOptions& compare) {
  std::stop_source stop;
  asio::signal_set signals(co_await asio::this_coro::executor, SIGINT, SIGTERM);
  signals.async_wait([&](boost::system::error_code error, int) {
    if (!error) {
      stop.request_stop();
      signals.clear();
    }
  });
  ProgressLine line;
  const auto show = [&line](const CompareProgress& progress) {
    line.show(progress.fraction, progress.doing);
  };
  co_return co_await async_compare(pump, compare, show, stop.get_token());
}

int run(int argc, char** argv) {
  const Result<CompareCommand> command =
      parse_compare_command(argc, argv, fs::canonical("/proc/self/exe").parent_path());
  if (!command) {
    fmt::print(stderr, "{}: {}\n", kName, command.error().error_message());
    return kBadCommandLine;
  }
  if (!command->print.empty()) {
    fmt::print("{}", command->print);
    return 0;
  }
  if (!command->results.empty()) {
    fs::create_directories(
        command->results);  // before the minutes that it would cost to fail later
  }
  const CompareOptions& compare = command->compare;
  CompareSetting setting{.rounds = compare.rounds,
                         .duration = compare.duration,
                         .baseline = compare.baseline,
                         .processors = std::thread::hardware_concurrency(),
                         .load_before = load_average()};
  Result<std::vector<RowResult>> rows = std::vector<RowResult>();
  {
    ClientLoop loop;
    rows = loop.run(compare_until_interrupted(loop.pump(), compare));
  }
  if (!rows) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(rows.error()));
    return kCouldNotRun;
  }
  setting.load_after = load_average();
  const std::string table = to_markdown(setting, *rows);
  fmt::print("{}", table);
  if (!command->results.empty()) {
    const auto write = [&](const char* extension, const std::string& contents) {
      require(write_file(command->results / (command->results_name + extension), contents));
    };
    write(".md", table);
    write(".json", to_json(setting, *rows));
    write(".svg", to_svg(*rows));
  }
  return 0;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kCouldNotRun, run, argc, argv);
}
