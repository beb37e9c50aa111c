// compiler_gym-soak: whether a service is the same after hours of load and faults as before.
#include <fmt/core.h>

#include <boost/filesystem/operations.hpp>

#include "client/client_loop.h"
#include "core/support/status.h"
#include "tools/soak/soak.h"
#include "tools/support/program_files.h"
#include "tools/support/progress_line.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

constexpr auto* kName = "compiler_gym-soak";
constexpr int kGrown = 1;
constexpr int kCouldNotRun = 2;

int run(int argc, char** argv) {
  const boost::filesystem::path self = boost::filesystem::canonical("/proc/self/exe");
  const Result<SoakOptions> options = parse_soak_options(argc, argv, self.parent_path());
  if (!options) {
    fmt::print(stderr, "{}: {}\n", kName, options.error().error_message());
    return kCouldNotRun;
  }
  if (!options->help.empty()) {
    fmt::print("{}", options->help);
    return 0;
  }
  ClientLoop loop;
  Result<SoakReport> report = SoakReport();
  {
    ProgressLine line;
    report = loop.run(async_soak(loop.pump(), *options, [&line](const SoakProgress& progress) {
      line.show(progress.fraction,
                fmt::format("{} operations, {} faults", progress.operations, progress.faults));
    }));
  }
  if (!report) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(report.error()));
    return kCouldNotRun;
  }
  fmt::print("{}", to_text(*report));
  if (!options->svg.empty()) {
    if (const grpc::Status written = write_file(options->svg, to_svg(*report)); !written.ok()) {
      fmt::print(stderr, "{}: {}\n", kName, written.error_message());
      return kCouldNotRun;
    }
    fmt::print("plot: {}\n", options->svg.string());
  }
  return passed(*report) ? 0 : kGrown;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kCouldNotRun, run, argc, argv);
}
