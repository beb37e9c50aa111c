#include "bench/scale/scale.h"

#include <chrono>
#include <exception>
#include <memory>
#include <random>
#include <utility>

#include "client/managed_service.h"
#include "client/service_client.h"
#include "core/run_together.h"
#include "core/support/clock.h"
#include "tools/load/latency_histogram.h"
#include "tools/load/service_spaces.h"
#include "tools/support/process_usage.h"
#include "tools/support/program_files.h"
#include "tools/support/require.h"
#include "tools/support/statistics.h"

namespace compiler_gym {
namespace {

template <typename T>
using Awaitable = boost::asio::awaitable<T>;

constexpr int kAtATime = 8;
constexpr auto* kBenchmarkUri = "benchmark://compiler_gym-scale/1";

struct StepLoad {
  double p50_us = 0;
  double p99_us = 0;
  double cpu_us = 0;
};

/// One service, filled up with sessions.
class Filling {
 public:
  Filling(CompletionQueuePump& pump, const ManagedService& service, const ScaleOptions& options)
      : client_(pump, service.target()),
        pid_(service.pid()),
        duration_(options.seconds),
        action_(options.action) {}

  Awaitable<std::vector<ScaleRow>> run(const std::vector<int>& counts, const Benchmark& benchmark) {
    const GetSpacesReply spaces = require(co_await client_.get_spaces());
    actions_ = require(count_actions(spaces.action_space_list(0)));
    AddBenchmarkRequest add;
    *add.add_benchmark() = benchmark;
    require(co_await client_.add_benchmark(std::move(add)));
    co_await open(kAtATime);  // these step; what the first requests cost is not the sessions'
    co_await step_some(kAtATime);

    std::vector<ScaleRow> rows;
    const std::uint64_t bytes_before = usage().rss_bytes;
    int opened = 0;
    for (const int count : counts) {
      ScaleRow row{.sessions = count};
      const auto began = Clock::now();
      co_await open(count - opened);
      row.starts_per_second =
          (count - opened) / std::chrono::duration<double>(Clock::now() - began).count();
      opened = count;
      const auto grown = static_cast<std::int64_t>(usage().rss_bytes - bytes_before);
      row.bytes_per_session = static_cast<double>(grown) / count;
      const StepLoad few = co_await step_some(kAtATime);
      row.few_p50_us = few.p50_us;
      row.few_p99_us = few.p99_us;
      row.few_cpu_us = few.cpu_us;
      const StepLoad all = co_await step_some(ids_.size());
      row.all_p99_us = all.p99_us;
      row.all_cpu_us = all.cpu_us;
      rows.push_back(row);
    }
    co_return rows;
  }

 private:
  Awaitable<void> open(int count) {
    int left = count;
    co_await run_together(kAtATime, [&](int) -> Awaitable<void> {
      while (left > 0) {
        --left;
        StartSessionRequest request;
        request.mutable_benchmark()->set_uri(kBenchmarkUri);
        ids_.push_back(require(co_await client_.start_session(std::move(request))).session_id());
      }
    });
  }

  // kAtATime steps at a time, each in any of the first `count` sessions that has none.
  Awaitable<StepLoad> step_some(std::size_t count) {
    std::vector<std::int64_t> idle(ids_.begin(), ids_.begin() + static_cast<std::ptrdiff_t>(count));
    LatencyHistogram latency;
    const std::chrono::microseconds cpu_before = usage().cpu();
    const auto until = Clock::now() + duration_;
    co_await run_together(kAtATime, [&](int) -> Awaitable<void> {
      while (Clock::now() < until) {
        std::swap(idle[random_() % idle.size()], idle.back());
        StepRequest request;
        request.set_session_id(idle.back());
        request.add_action()->set_int64_value(action_.value_or(
            static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(actions_))));
        const std::int64_t id = idle.back();
        idle.pop_back();
        const auto sent = Clock::now();
        require(co_await client_.step(std::move(request)));
        latency.record(Clock::now() - sent);
        idle.push_back(id);
      }
    });
    const auto cpu = static_cast<double>((usage().cpu() - cpu_before).count());
    co_return StepLoad{.p50_us = microseconds(latency.quantile(0.5)),
                       .p99_us = microseconds(latency.quantile(0.99)),
                       .cpu_us = cpu / static_cast<double>(latency.count())};
  }

  [[nodiscard]] ProcessUsage usage() const { return require(read_process_usage(pid_)); }

  ServiceClient client_;
  const pid_t pid_;
  const std::chrono::seconds duration_;
  const std::optional<std::int64_t> action_;
  std::int64_t actions_ = 0;
  std::vector<std::int64_t> ids_;
  std::mt19937_64 random_;
};

Awaitable<std::vector<ScaleRow>> fill_one(CompletionQueuePump& pump, const ScaleOptions& options,
                                          const Benchmark& benchmark) {
  ManagedServiceOptions service_options;
  service_options.binary = options.service;
  service_options.arguments = options.service_arguments;
  Result<std::unique_ptr<ManagedService>> started =
      co_await ManagedService::async_start(std::move(service_options));
  const std::unique_ptr<ManagedService> service = require(std::move(started));
  Filling filling(pump, *service, options);
  std::vector<ScaleRow> rows = co_await filling.run(options.sessions, benchmark);
  co_await service->async_stop();
  co_return rows;
}

std::vector<ScaleRow> medians(const std::vector<std::vector<ScaleRow>>& rounds) {
  std::vector<ScaleRow> rows = rounds.front();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (double ScaleRow::* const member :
         {&ScaleRow::starts_per_second, &ScaleRow::bytes_per_session, &ScaleRow::few_p50_us,
          &ScaleRow::few_p99_us, &ScaleRow::few_cpu_us, &ScaleRow::all_p99_us,
          &ScaleRow::all_cpu_us}) {
      rows[i].*member = median(rounds, [&](const auto& round) { return round[i].*member; });
    }
  }
  return rows;
}

}  // namespace

Awaitable<Result<std::vector<ScaleRow>>> measure_scale(CompletionQueuePump& pump,
                                                       const ScaleOptions& options) {
  Benchmark benchmark;
  benchmark.set_uri(kBenchmarkUri);
  std::string program = "Ir data";
  if (!options.benchmark_file.empty()) {
    Result<std::string> contents = read_file(options.benchmark_file);
    if (!contents) {
      co_return contents.error();
    }
    program = *std::move(contents);
  }
  benchmark.mutable_program()->set_contents(std::move(program));
  try {
    std::vector<std::vector<ScaleRow>> rounds;
    rounds.reserve(static_cast<std::size_t>(options.rounds));
    for (int round = 0; round < options.rounds; ++round) {
      rounds.push_back(co_await fill_one(pump, options, benchmark));
    }
    co_return medians(rounds);
  } catch (const std::exception& error) {
    co_return internal_error(error.what());
  }
}

}  // namespace compiler_gym
