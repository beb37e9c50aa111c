// compiler_gym-scale: what many sessions cost a service, as a Markdown table and a plot.
#include <fmt/core.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <iterator>
#include <limits>
#include <string>
#include <vector>

#include "bench/scale/scale.h"
#include "bench/support/bench_main.h"
#include "tools/support/program_files.h"
#include "tools/support/require.h"
#include "tools/support/svg_chart.h"

namespace compiler_gym {
namespace {

constexpr auto* kName = "compiler_gym-scale";

void print(const std::vector<ScaleRow>& rows) {
  fmt::print(
      "| sessions | starts/s | bytes each | p50 of 8 | p99 of 8 | CPU of 8 | steps/s of all "
      "| p99 of all | CPU of all |\n"
      "|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n");
  for (const ScaleRow& row : rows) {
    fmt::print(
        "| {} | {:.0f} | {:.0f} | {:.0f} us | {:.0f} us | {:.1f} us | {:.0f} "
        "| {:.0f} us | {:.1f} us |\n",
        row.sessions, row.starts_per_second, row.bytes_per_session, row.few_p50_us, row.few_p99_us,
        row.few_cpu_us, row.all_per_second, row.all_p99_us, row.all_cpu_us);
  }
}

ChartSeries series(const char* name, const std::vector<ScaleRow>& rows, double ScaleRow::* member) {
  ChartSeries series{.name = name, .points = {}};
  for (const ScaleRow& row : rows) {
    series.points.push_back({.x = std::log10(row.sessions), .y = row.*member});
  }
  return series;
}

std::string plot(const std::vector<ScaleRow>& rows) {
  const std::string sessions = "log10 of the sessions open";
  return render_svg({
      {.title = "The service's CPU time for a step",
       .x_label = sessions,
       .y_label = "us",
       .series = {series("the same 8 sessions", rows, &ScaleRow::few_cpu_us),
                  series("any session", rows, &ScaleRow::all_cpu_us)}},
      {.title = "p99 of a step, 8 at a time",
       .x_label = sessions,
       .y_label = "us",
       .series = {series("the same 8 sessions", rows, &ScaleRow::few_p99_us),
                  series("any session", rows, &ScaleRow::all_p99_us)}},
  });
}

int run(int argc, char** argv) {
  FlagParser flags(
      "Usage: compiler_gym-scale [flags]\n\n"
      "Fills a service with sessions and measures, each time there are so many, the memory they "
      "take,\n"
      "the rate they started at, and steps: of 8 sessions while the others are idle, and of all.");
  flags.add_heading("Flags");
  flags.add("service", "BINARY",
            "service to start (default: compiler_gym-example-service beside this tool)");
  flags.add("service_argument", "TEXT", "argument for it; may be given several times");
  flags.add("benchmark", "FILE",
            "program of the sessions, which take turns if it is given several times (default: a "
            "few bytes)");
  flags.add(
      "sessions", "N",
      "sessions open; may be given several times, growing (default: 1, 10, 100, 1000, 10000)");
  flags.add("action", "N",
            "the action of every step (default: random): with one that changes nothing the second\n"
            "time, steps cost the same however many there have been");
  flags.add("episode", "N (=0)",
            "steps after which a session is ended and another one started in its place; 0: never");
  flags.add("rounds", "N (=3)", "services that are filled, of which the medians are shown");
  flags.add("seconds", "N (=2)", "of each measurement");
  flags.add("svg", "FILE", "write the plot");
  ScaleOptions options;
  const auto read = [&](const boost::filesystem::path& directory) {
    options.service = flags.text("service", (directory / "compiler_gym-example-service").string());
    options.service_arguments = flags.texts("service_argument");
    options.benchmark_files = flags.texts("benchmark");
    if (flags.has("action")) {
      flags.read("action", options.action.emplace(), std::int64_t{0}, std::int64_t{1'000'000});
    }
    flags.read("episode", options.episode, 0, 1'000'000);
    flags.read("rounds", options.rounds, 1, 1000);
    flags.read("seconds", options.seconds, 1, 3600);
    flags.read_all("sessions", options.sessions, 1, std::numeric_limits<int>::max());
    const auto not_growing = std::ranges::adjacent_find(options.sessions, std::greater_equal());
    if (not_growing != options.sessions.end()) {
      flags.fail(fmt::format("flag 'sessions': '{}' is not more than the one before",
                             *std::next(not_growing)));
    }
    return grpc::Status::OK;
  };
  const auto measure = [&](ClientLoop& loop) -> grpc::Status {
    const auto rows = loop.run(measure_scale(loop.pump(), options));
    if (!rows) {
      return rows.error();
    }
    print(*rows);
    if (const std::string file = flags.text("svg"); !file.empty()) {
      require(write_file(file, plot(*rows)));
    }
    return grpc::Status::OK;
  };
  return run_bench(kName, flags, argc, argv, read, measure);
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kBenchCouldNotRun, run, argc, argv);
}
