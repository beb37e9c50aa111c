// compiler_gym-demo: many sessions search for shorter code than -Oz makes.
#include <fmt/core.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>

#include "client/client_loop.h"
#include "core/support/status.h"
#include "tools/demo/demo.h"
#include "tools/demo/demo_options.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

constexpr auto* kName = "compiler_gym-demo";
constexpr int kFailed = 1;
constexpr int kBadCommandLine = 2;

/// Of the table: what the terminal has, within reason; elsewhere 120.
std::size_t table_columns() {
  constexpr std::size_t kLeast = 80;
  constexpr std::size_t kMost = 120;
  winsize size{};
  const bool known = ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0;
  return known ? std::clamp<std::size_t>(size.ws_col, kLeast, kMost) : kMost;
}

int run(int argc, char** argv) {
  const boost::filesystem::path self = boost::filesystem::canonical("/proc/self/exe");
  const Result<DemoOptions> options = parse_demo_options(argc, argv, self.parent_path());
  if (!options) {
    fmt::print(stderr, "{}: {}\n", kName, options.error().error_message());
    return kBadCommandLine;
  }
  if (!options->help.empty()) {
    fmt::print("{}", options->help);
    return 0;
  }
  fmt::print("Searching shorter code for {} programs, {} sessions at a time, {} s ...\n",
             options->programs.size(), options->sessions, options->duration.count());
  std::fflush(stdout);
  ClientLoop loop;
  const Result<DemoReport> report = loop.run(async_run_demo(loop.pump(), *options));
  if (!report) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(report.error()));
    return kFailed;
  }
  fmt::print("\n{}The service drained and ended with status 0.\n",
             to_text(*report, table_columns(), isatty(STDOUT_FILENO) == 1));
  return 0;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kFailed, run, argc, argv);
}
