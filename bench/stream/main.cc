// compiler_gym-stream-gain: steps per second as unary calls and on a stream, of one service over TCP.
//
// Both take turns, so that what else the machine does hits both; what is reported is the median of
// the rounds and the median of the rounds' ratios.
#include <fmt/core.h>

#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "bench/support/bench_main.h"
#include "client/managed_service.h"
#include "core/support/status.h"
#include "tools/load/load_generator.h"
#include "tools/support/statistics.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

constexpr auto* kName = "compiler_gym-stream-gain";

struct GainOptions {
  boost::filesystem::path service;
  std::vector<int> sessions = {1, 8, 64, 512};
  int rounds = 7;
  int seconds = 2;
};

/// Of one way, in one round.
struct Rate {
  double steps_per_second = 0;
  double server_cpu_us = 0;  // of a step
  double client_cpu_us = 0;  // likewise
  double p99_us = 0;
};

struct Row {
  int sessions = 0;
  std::vector<Rate> unary;
  std::vector<Rate> stream;
};

asio::awaitable<Result<Rate>> measure(CompletionQueuePump& pump, const ManagedService& service,
                                      int sessions, int seconds, bool stream) {
  LoadOptions options;
  options.target = service.target();
  options.server_pid = service.pid();
  options.sessions = sessions;
  options.stream = stream;
  options.warmup = std::chrono::milliseconds(300);
  options.duration = std::chrono::seconds(seconds);
  LoadGenerator generator(pump, std::move(options));
  const Result<LoadResult> result = co_await generator.async_run();
  if (!result) {
    co_return result.error();
  }
  const RpcResult& steps = (*result)[Rpc::kStep];
  if (steps.error_count() > 0 || steps.latency.count() == 0) {
    co_return unavailable("steps failed, the first with " + steps.first_error);
  }
  const auto count = static_cast<double>(steps.latency.count());
  co_return Rate{.steps_per_second = result->per_second(steps.latency.count()),
                 .server_cpu_us = static_cast<double>(result->server->cpu.count()) / count,
                 .client_cpu_us = static_cast<double>(result->client_cpu.count()) / count,
                 .p99_us = microseconds(steps.latency.quantile(0.99))};
}

asio::awaitable<Result<std::vector<Row>>> measure_all(CompletionQueuePump& pump,
                                                      const GainOptions& options) {
  ManagedServiceOptions service_options;
  service_options.binary = options.service;
  Result<std::unique_ptr<ManagedService>> service =
      co_await ManagedService::async_start(std::move(service_options));
  if (!service) {
    co_return service.error();
  }
  std::vector<Row> rows;
  grpc::Status failure;
  for (const int sessions : options.sessions) {
    Row row{.sessions = sessions, .unary = {}, .stream = {}};
    for (int i = 0; i < 2 * options.rounds && failure.ok(); ++i) {
      const bool stream = i % 2 == 1;
      const Result<Rate> rate =
          co_await measure(pump, **service, sessions, options.seconds, stream);
      if (rate) {
        (stream ? row.stream : row.unary).push_back(*rate);
      } else {
        failure = rate.error();
      }
    }
    rows.push_back(std::move(row));
  }
  co_await (*service)->async_stop();
  if (!failure.ok()) {
    co_return failure;
  }
  co_return rows;
}

void print(const std::vector<Row>& rows) {
  fmt::print(
      "| sessions | | steps/s | server CPU | client CPU | p99 | rate, stream to unary |\n"
      "|--:|---|--:|--:|--:|--:|--:|\n");
  for (const Row& row : rows) {
    const auto line = [&](const char* way, const std::vector<Rate>& rates,
                          const std::string& ratio) {
      fmt::print("| {} | {} | {:.0f} | {:.1f} us | {:.1f} us | {:.0f} us | {} |\n", row.sessions,
                 way, median(rates, &Rate::steps_per_second), median(rates, &Rate::server_cpu_us),
                 median(rates, &Rate::client_cpu_us), median(rates, &Rate::p99_us), ratio);
    };
    line("unary", row.unary, "");
    line("stream", row.stream,
         fmt::format("**{:.2f}**", median_ratio(row.stream, row.unary, &Rate::steps_per_second)));
  }
}

int run(int argc, char** argv) {
  FlagParser flags(
      "Usage: compiler_gym-stream-gain [flags]\n\n"
      "Steps per second as unary calls and on a stream, in turns, as a Markdown table.");
  flags.add_heading("Flags");
  flags.add("service", "BINARY",
            "service to start (default: compiler_gym-example-service beside it)");
  flags.add("sessions", "N", "sessions; may be given several times (default: 1, 8, 64, 512)");
  flags.add("rounds", "N (=7)", "rounds, of whose results the medians are shown");
  flags.add("seconds", "N (=2)", "of each measurement in a round");
  GainOptions options;
  const auto read = [&](const boost::filesystem::path& directory) {
    options.service = flags.text("service", (directory / "compiler_gym-example-service").string());
    flags.read("rounds", options.rounds, 1, 1000);
    flags.read("seconds", options.seconds, 1, 3600);
    flags.read_all("sessions", options.sessions, 1, std::numeric_limits<int>::max());
    return grpc::Status::OK;
  };
  const auto measure = [&](ClientLoop& loop) -> grpc::Status {
    const auto rows = loop.run(measure_all(loop.pump(), options));
    if (!rows) {
      return rows.error();
    }
    print(*rows);
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
