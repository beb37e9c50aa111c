// compiler_gym-search-gain: how much faster a search is when nothing is computed twice.
#include <fmt/core.h>

#include <array>
#include <chrono>
#include <string>
#include <vector>

#include "bench/search/episode_client.h"
#include "bench/search/strategies.h"
#include "bench/support/bench_main.h"
#include "client/managed_service.h"
#include "core/support/status.h"
#include "tools/support/process_usage.h"
#include "tools/support/program_files.h"
#include "tools/support/statistics.h"

namespace compiler_gym {
namespace {

constexpr auto* kName = "compiler_gym-search-gain";

struct Options {
  std::string service;
  std::string program;
  std::string executor = "isolated";
  int rounds = 3;
  SearchEffort effort{};
};

struct NamedStrategy {
  const char* name;
  Strategy run;
  bool sees_features;
};

constexpr std::array kStrategies{
    NamedStrategy{"genetic search", genetic_search, false},
    NamedStrategy{"policy gradient", policy_gradient, true},
    NamedStrategy{"random walk", random_walk, false},
};

struct Measured {
  SearchOutcome outcome{};
  double steps_per_second = 0;
  double cpu_seconds = 0;
  std::uint64_t peak_rss_bytes = 0;
  std::uint64_t steps = 0;
  std::uint64_t hits = 0;
  std::uint64_t graph_bytes = 0;
};

boost::asio::awaitable<Result<Measured>> measure_on(CompletionQueuePump& pump,
                                                    const ManagedService& service,
                                                    NamedStrategy strategy, Options options) {
  const Result<std::string> program = read_file(options.program);
  if (!program) {
    co_return program.error();
  }
  EpisodeClient client(pump, service.target());
  const grpc::Status ready = co_await client.async_prepare(*program, strategy.sees_features);
  if (!ready.ok()) {
    co_return ready;
  }
  const auto cpu_before = read_process_tree_cpu(service.pid());
  const auto begin = std::chrono::steady_clock::now();
  const Result<SearchOutcome> outcome = co_await strategy.run(client, options.effort);
  const std::chrono::duration<double> took = std::chrono::steady_clock::now() - begin;
  const std::chrono::duration<double> cpu = read_process_tree_cpu(service.pid()) - cpu_before;
  if (!outcome) {
    co_return outcome.error();
  }
  Measured measured{.outcome = *outcome,
                    .steps_per_second = static_cast<double>(client.steps()) / took.count(),
                    .cpu_seconds = cpu.count(),
                    .steps = client.steps()};
  const Result<std::uint64_t> hits = co_await client.async_figure("service.state_graph.get_hits");
  const Result<std::uint64_t> bytes = co_await client.async_figure("service.state_graph.get_bytes");
  measured.hits = hits ? *hits : 0;
  measured.graph_bytes = bytes ? *bytes : 0;
  if (const Result<ProcessUsage> usage = read_process_usage(service.pid())) {
    measured.peak_rss_bytes = usage->peak_rss_bytes;
  }
  co_return measured;
}

// A service of its own for each, so that none finds what another has left.
boost::asio::awaitable<Result<Measured>> measure(CompletionQueuePump& pump, NamedStrategy strategy,
                                                 bool with_graph, Options options) {
  ManagedServiceOptions service_options{.binary = options.service};
  service_options.arguments.push_back("--executor=" + options.executor);
  if (!with_graph) {
    service_options.arguments.emplace_back("--state_graph_bytes=0");
  }
  Result<std::unique_ptr<ManagedService>> service =
      co_await ManagedService::async_start(std::move(service_options));
  if (!service) {
    co_return service.error();
  }
  Result<Measured> measured = co_await measure_on(pump, **service, strategy, options);
  co_await (*service)->async_stop();
  co_return measured;
}

grpc::Status print_row(ClientLoop& loop, const NamedStrategy& strategy, const Options& options) {
  constexpr double kMebibyte = 1 << 20;
  std::vector<Measured> with;
  std::vector<Measured> without;
  for (int round = 0; round < options.rounds; ++round) {
    for (const bool graph : {false, true}) {
      const Result<Measured> measured = loop.run(measure(loop.pump(), strategy, graph, options));
      if (!measured) {
        return measured.error();
      }
      (graph ? with : without).push_back(*measured);
    }
  }
  const bool same = with[0].outcome.checksum == without[0].outcome.checksum;
  const auto rate = [](const Measured& one) { return one.steps_per_second; };
  const auto cpu = [](const Measured& one) {
    return 1e6 * one.cpu_seconds / static_cast<double>(one.steps);
  };
  const auto rss = [](const Measured& one) {
    return static_cast<double>(one.peak_rss_bytes) / kMebibyte;
  };
  fmt::print(
      "| {} | {} | {:.0f} | {:.0f} | {:.2f} | {:.0f} | {:.0f} | {:.0f}% | {:.0f} | {:.0f} | {:.1f} "
      "| {} | {} |\n",
      strategy.name, with[0].steps, median(without, rate), median(with, rate),
      median_ratio(with, without, rate), median(without, cpu), median(with, cpu),
      100.0 * static_cast<double>(with[0].hits) / static_cast<double>(with[0].steps),
      median(without, rss), median(with, rss), static_cast<double>(with[0].graph_bytes) / kMebibyte,
      with[0].outcome.fewest_instructions, same ? "yes" : "NO");
  std::fflush(stdout);
  return grpc::Status::OK;
}

grpc::Status print_table(ClientLoop& loop, const Options& options) {
  fmt::print(
      "{}, {} sessions at a time, {}\n\n"
      "| search | steps | steps/s without | with the graph | ratio | CPU us/step without | with | "
      "known "
      "| MiB without | with | of which graph | fewest instructions | equal |\n"
      "|---|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|--:|\n",
      options.program, options.effort.sessions, options.executor);
  for (const NamedStrategy& strategy : kStrategies) {
    if (grpc::Status status = print_row(loop, strategy, options); !status.ok()) {
      return status;
    }
  }
  return grpc::Status::OK;
}

int run(int argc, char** argv) {
  FlagParser flags(
      "Usage: compiler_gym-search-gain [flags]\n\n"
      "Runs three searches for a short program on the LLVM service, with and without its state "
      "graph,\n"
      "in turns, and prints a table of medians.");
  flags.add_heading("Flags");
  flags.add("service", "BINARY", "service to start (default: compiler_gym-llvm-service beside it)");
  flags.add("program", "FILE", "bitcode (default: ../programs/sort.bc)");
  flags.add("executor", "WHERE", "inline or isolated, the default");
  flags.add("rounds", "N (=3)", "rounds, of whose results the medians are shown");
  flags.add("sessions", "N (=8)", "sessions at one time");
  flags.add("generations", "N (=20)", "of the genetic search, of 32 sequences of 30 actions");
  flags.add("batches", "N (=25)", "of the policy's training, of 16 episodes of 45 steps");
  flags.add("walks", "N (=300)", "random ones, of 45 steps");
  Options options;
  const auto read = [&](const boost::filesystem::path& directory) {
    constexpr int kMost = 1'000'000;
    options.service = flags.text("service", (directory / "compiler_gym-llvm-service").string());
    options.program =
        flags.text("program", (directory.parent_path() / "programs/sort.bc").string());
    options.executor = flags.text("executor", options.executor);
    flags.read("rounds", options.rounds, 1, kMost);
    flags.read("sessions", options.effort.sessions, 1, kMost);
    flags.read("generations", options.effort.generations, 1, kMost);
    flags.read("batches", options.effort.batches, 1, kMost);
    flags.read("walks", options.effort.walks, 1, kMost);
    return grpc::Status::OK;
  };
  return run_bench(kName, flags, argc, argv, read,
                   [&](ClientLoop& loop) { return print_table(loop, options); });
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kBenchCouldNotRun, run, argc, argv);
}
