// compiler_gym-compare: the service beside a synchronous server and a bare completion queue.
#include <fmt/core.h>
#include <stdlib.h>

#include <boost/filesystem/operations.hpp>
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

namespace fs = boost::filesystem;

constexpr auto* kName = "compiler_gym-compare";
constexpr int kCouldNotRun = 1;
constexpr int kBadCommandLine = 2;

double load_average() {
  double load = 0;
  return getloadavg(&load, 1) == 1 ? load : 0;
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
    ProgressLine line;
    rows = loop.run(async_compare(loop.pump(), compare, [&line](const CompareProgress& progress) {
      line.show(progress.fraction, progress.doing);
    }));
  }
  if (!rows) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(rows.error()));
    return kCouldNotRun;
  }
  setting.load_after = load_average();
  const std::string table = to_markdown(setting, *rows);
  fmt::print("{}", table);
  if (!command->results.empty()) {
    require(write_file(command->results / "compare.md", table));
    require(write_file(command->results / "compare.json", to_json(setting, *rows)));
    require(write_file(command->results / "compare.svg", to_svg(*rows)));
  }
  return 0;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kCouldNotRun, run, argc, argv);
}
