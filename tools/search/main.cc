// compiler_gym-search: searches for passes that make programs smaller than clang -Oz does.
#include <fmt/core.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <memory>

#include "client/client_loop.h"
#include "core/posix/command_host.h"
#include "core/support/status.h"
#include "tools/search/search_options.h"
#include "tools/search/search_report.h"
#include "tools/search/search_run.h"
#include "tools/support/program_files.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

constexpr auto* kName = "compiler_gym-search";
constexpr int kFailed = 1;
constexpr int kBadCommandLine = 2;
constexpr int kNothingSearched = 3;

grpc::Status write_files(const SearchOptions& options, const SearchReport& report) {
  if (!options.json.empty()) {
    if (grpc::Status written = write_file(options.json, to_json(report)); !written.ok()) {
      return written;
    }
  }
  return options.svg.empty() ? grpc::Status::OK : write_file(options.svg, to_svg(report));
}

int print(const SearchOptions& options, const SearchReport& report) {
  fmt::print("{}", to_text(report));
  std::fflush(stdout);
  if (const grpc::Status written = write_files(options, report); !written.ok()) {
    fmt::print(stderr, "{}: {}\n", kName, written.error_message());
    return kFailed;
  }
  const bool searched = std::ranges::any_of(
      report.objectives, [](const ObjectiveReport& one) { return !one.programs.empty(); });
  return searched ? 0 : kNothingSearched;
}

int run(int argc, char** argv) {
  const boost::filesystem::path self = boost::filesystem::canonical("/proc/self/exe");
  const Result<SearchOptions> options =
      parse_search_options(argc, argv, self.parent_path(), COMPILER_GYM_PROGRAMS_DIR);
  if (!options) {
    fmt::print(stderr, "{}: {}\n", kName, options.error().error_message());
    return kBadCommandLine;
  }
  if (!options->help.empty()) {
    fmt::print("{}", options->help);
    return 0;
  }
  // Before there are threads.
  const Result<std::shared_ptr<CommandHost>> commands = CommandHost::fork();
  if (!commands) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(commands.error()));
    return kFailed;
  }
  ClientLoop loop;
  const Result<SearchReport> report = loop.run(async_run_search(loop.pump(), *options, *commands));
  if (!report) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(report.error()));
    return kFailed;
  }
  return print(*options, *report);
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kFailed, run, argc, argv);
}
