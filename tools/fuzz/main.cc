// compiler_gym-fuzz: looks for requests that a service does not survive, or answers wrongly.
#include <fmt/core.h>

#include "client/client_loop.h"
#include "core/support/clock.h"
#include "core/support/status.h"
#include "tools/fuzz/fuzz_campaign.h"
#include "tools/fuzz/fuzz_options.h"
#include "tools/support/progress_line.h"
#include "tools/support/run_tool.h"

namespace compiler_gym::fuzz {
namespace {

constexpr auto* kName = "compiler_gym-fuzz";
constexpr int kFoundSomething = 1;
constexpr int kCouldNotRun = 2;

double fraction_done(const FuzzOptions& options, const FuzzReport& report,
                     Clock::duration elapsed) {
  if (options.sequences.has_value()) {
    return static_cast<double>(report.sequences) / static_cast<double>(*options.sequences);
  }
  return std::chrono::duration<double>(elapsed) / std::chrono::duration<double>(*options.duration);
}

void print(const FuzzReport& report) {
  const Outcomes& outcomes = report.outcomes;
  fmt::print("{} sequences, {} requests; {} sessions compared with a replay\n", report.sequences,
             outcomes.requests, outcomes.replays);
  fmt::print("{:.0f}% of the requests did something in a session that was there\n",
             100 * served_share(outcomes));
  for (const auto& [code, count] : outcomes.by_code) {
    fmt::print("  {:<20} {:>8}\n", code, count);
  }
  for (const std::string& violation : report.violations) {
    fmt::print("VIOLATION: {}\n", violation);
  }
  for (const auto& path : report.reproducers) {
    fmt::print("reproducer: {}\n", path.string());
  }
}

int run(int argc, char** argv) {
  const Result<FuzzOptions> options = parse_fuzz_options(argc, argv);
  if (!options) {
    fmt::print(stderr, "{}: {}\n", kName, options.error().error_message());
    return kCouldNotRun;
  }
  if (!options->help.empty()) {
    fmt::print("{}", options->help);
    return 0;
  }
  ClientLoop loop;
  Result<FuzzReport> report = FuzzReport();
  {
    ProgressLine line;
    const Clock::time_point began = Clock::now();
    report = loop.run(async_fuzz(loop.pump(), *options, [&](const FuzzReport& so_far) {
      line.show(
          fraction_done(*options, so_far, Clock::now() - began),
          fmt::format("{} sequences, {} violations", so_far.sequences, so_far.violations.size()));
    }));
  }
  if (!report) {
    fmt::print(stderr, "{}: {}\n", kName, compiler_gym::to_string(report.error()));
    return kCouldNotRun;
  }
  print(*report);
  return report->violations.empty() ? 0 : kFoundSomething;
}

}  // namespace
}  // namespace compiler_gym::fuzz

int main(int argc, char** argv) {
  using namespace compiler_gym::fuzz;
  return compiler_gym::run_tool(kName, kCouldNotRun, run, argc, argv);
}
