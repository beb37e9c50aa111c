// compiler_gym-bench-llvm: what the LLVM service's observations and sessions take.
#include <benchmark/benchmark.h>
#include <fmt/core.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <iostream>
#include <vector>

#include "bench/llvm/bench_sessions.h"
#include "bench/llvm/observation_benchmarks.h"
#include "bench/llvm/results.h"
#include "bench/llvm/session_memory.h"
#include "bench/llvm/start_benchmarks.h"
#include "bench/llvm/tables.h"
#include "tools/support/flag_parser.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

constexpr auto* kName = "compiler_gym-bench-llvm";
constexpr int kFailed = 1;
constexpr int kBadCommandLine = 2;

constexpr const char* kSynopsis =
    "Measures the LLVM service and prints tables: what its observations and the start of a "
    "session\n"
    "take, and the memory of sessions. Takes some minutes. Besides --benchmark_filter=<regex> and\n"
    "the other flags of Google Benchmark (--help lists them):";

// Google Benchmark reads its flags and leaves the others. Of flags given twice, the last counts.
void initialize_benchmark(int& argc, char** argv) {
  static char repetitions[] = "--benchmark_repetitions=5";
  static char time[] = "--benchmark_min_time=0.05";
  static char interleaving[] = "--benchmark_enable_random_interleaving=true";
  std::vector<char*> arguments{argv[0], repetitions, time, interleaving};
  arguments.insert(arguments.end(), argv + 1, argv + argc);
  int count = static_cast<int>(arguments.size());
  arguments.push_back(nullptr);
  benchmark::Initialize(&count, arguments.data());
  std::copy_n(arguments.begin(), count, argv);
  argc = count;
}

int run(int argc, char** argv) {
  int sessions = 2000;
  initialize_benchmark(argc, argv);
  FlagParser flags(kSynopsis);
  flags.add_heading("Flags");
  flags.add("sessions", "N (=2000)", "sessions to measure the memory of; 0: none");
  flags.add_switch("cpu-time", "CPU time instead of elapsed time: for a busy machine");
  flags.parse(argc, argv);
  flags.read("sessions", sessions, 0, 10'000);
  if (!flags.status().ok()) {
    fmt::print(stderr, "{}: {}\n{}", kName, flags.status().error_message(), flags.help());
    return kBadCommandLine;
  }

  BenchSessions with_spares;
  BenchSessions without_spares({.max_per_benchmark = 0});
  const TimeKind kind = flags.has("cpu-time") ? TimeKind::kCpu : TimeKind::kElapsed;
  register_observation_benchmarks(without_spares, kind);
  register_start_benchmarks(with_spares, without_spares, kind);
  Results results(kind);
  benchmark::RunSpecifiedBenchmarks(&results);
  print_tables(results, std::cout);
  benchmark::Shutdown();
  if (sessions > 0) {
    const boost::filesystem::path self = boost::filesystem::canonical("/proc/self/exe");
    print_table(measure_session_memory(self.parent_path() / "compiler_gym-llvm-service", sessions),
                std::cout);
  }
  return 0;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kFailed, run, argc, argv);
}
