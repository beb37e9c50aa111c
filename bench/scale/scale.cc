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
struct OpenSession {
  std::int64_t id = 0;
  std::size_t program = 0;  ///< of the benchmarks
  int steps = 0;
};

struct StepLoad {
  double per_second = 0;
  double p50_us = 0;
  double p99_us = 0;
  double cpu_us = 0;
};

/// One service, filled up with sessions.
class Filling {
 public:
  Filling(CompletionQueuePump& pump, const ManagedService& service, const ScaleOptions& options)
      : client_(pump, service.target()), pid_(service.pid()), options_(options) {}

  Awaitable<std::vector<ScaleRow>> run(const std::vector<Benchmark>& programs) {
    const GetSpacesReply spaces = require(co_await client_.get_spaces());
    actions_ = require(count_actions(spaces.action_space_list(0)));
    AddBenchmarkRequest add;
    for (const Benchmark& program : programs) {
      uris_.push_back(program.uri());
      *add.add_benchmark() = program;
    }
    require(co_await client_.add_benchmark(std::move(add)));
    co_await open(kAtATime);  // these step; what the first requests cost is not the sessions'
    co_await step_some(kAtATime);

    std::vector<ScaleRow> rows;
    const std::uint64_t bytes_before = read_process_tree_memory(pid_);
    int opened = 0;
    for (const int count : options_.sessions) {
      ScaleRow row{.sessions = count};
      const auto began = Clock::now();
      co_await open(count - opened);
      row.starts_per_second =
          (count - opened) / std::chrono::duration<double>(Clock::now() - began).count();
      opened = count;
      const StepLoad few = co_await step_some(kAtATime);
      row.few_p50_us = few.p50_us;
      row.few_p99_us = few.p99_us;
      row.few_cpu_us = few.cpu_us;
      const StepLoad all = co_await step_some(sessions_.size());
      row.all_per_second = all.per_second;
      row.all_p99_us = all.p99_us;
      row.all_cpu_us = all.cpu_us;
      const auto grown = static_cast<std::int64_t>(read_process_tree_memory(pid_) - bytes_before);
      row.bytes_per_session = static_cast<double>(grown) / count;
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
        const std::size_t place = sessions_.size();
        const std::size_t program = place % uris_.size();
        sessions_.push_back({.program = program});
        const std::int64_t id = co_await start(program);
        sessions_[place].id = id;
      }
    });
  }

  Awaitable<std::int64_t> start(std::size_t program) {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri(uris_[program]);
    const StartSessionReply reply = require(co_await client_.start_session(std::move(request)));
    co_return reply.session_id();
  }

  // Ends it and starts another one on the same program, if its episode is over.
  Awaitable<void> begin_anew_after_episode(OpenSession& session) {
    if (options_.episode == 0 || session.steps < options_.episode) {
      co_return;
    }
    EndSessionRequest end;
    end.set_session_id(session.id);
    require(co_await client_.end_session(std::move(end)));
    const std::int64_t id = co_await start(session.program);
    session = {.id = id, .program = session.program};
  }

  // kAtATime steps at a time, each in any of the first `count` sessions that has none.
  Awaitable<StepLoad> step_some(std::size_t count) {
    std::vector<OpenSession*> idle;
    idle.reserve(count);
    for (std::size_t i = 0; i < count; ++i) {
      idle.push_back(&sessions_[i]);
    }
    LatencyHistogram latency;
    const std::chrono::nanoseconds cpu_before = read_process_tree_cpu(pid_);
    const auto began = Clock::now();
    const auto until = began + std::chrono::seconds(options_.seconds);
    co_await run_together(kAtATime, [&](int) -> Awaitable<void> {
      while (Clock::now() < until) {
        std::swap(idle[random_() % idle.size()], idle.back());
        OpenSession& session = *idle.back();
        idle.pop_back();
        co_await begin_anew_after_episode(session);
        StepRequest request;
        request.set_session_id(session.id);
        request.add_action()->set_int64_value(options_.action.value_or(
            static_cast<std::int64_t>(random_() % static_cast<std::uint64_t>(actions_))));
        const auto sent = Clock::now();
        require(co_await client_.step(std::move(request)));
        latency.record(Clock::now() - sent);
        ++session.steps;
        idle.push_back(&session);
      }
    });
    const auto steps = static_cast<double>(latency.count());
    const std::chrono::duration<double> took = Clock::now() - began;
    const std::chrono::nanoseconds cpu = read_process_tree_cpu(pid_) - cpu_before;
    co_return StepLoad{.per_second = steps / took.count(),
                       .p50_us = microseconds(latency.quantile(0.5)),
                       .p99_us = microseconds(latency.quantile(0.99)),
                       .cpu_us = std::chrono::duration<double, std::micro>(cpu).count() / steps};
  }

  ServiceClient client_;
  const pid_t pid_;
  const ScaleOptions& options_;
  std::int64_t actions_ = 0;
  std::vector<std::string> uris_;
  std::vector<OpenSession> sessions_;
  std::mt19937_64 random_;
};

Benchmark program(std::size_t number, std::string contents) {
  Benchmark benchmark;
  benchmark.set_uri("benchmark://compiler_gym-scale/" + std::to_string(number));
  benchmark.mutable_program()->set_contents(std::move(contents));
  return benchmark;
}

Awaitable<std::vector<ScaleRow>> fill_one(CompletionQueuePump& pump, const ScaleOptions& options,
                                          const std::vector<Benchmark>& programs) {
  ManagedServiceOptions service_options;
  service_options.binary = options.service;
  service_options.arguments = options.service_arguments;
  Result<std::unique_ptr<ManagedService>> started =
      co_await ManagedService::async_start(std::move(service_options));
  const std::unique_ptr<ManagedService> service = require(std::move(started));
  Filling filling(pump, *service, options);
  std::vector<ScaleRow> rows = co_await filling.run(programs);
  co_await service->async_stop();
  co_return rows;
}

std::vector<ScaleRow> medians(const std::vector<std::vector<ScaleRow>>& rounds) {
  std::vector<ScaleRow> rows = rounds.front();
  for (std::size_t i = 0; i < rows.size(); ++i) {
    for (double ScaleRow::* const member :
         {&ScaleRow::starts_per_second, &ScaleRow::bytes_per_session, &ScaleRow::few_p50_us,
          &ScaleRow::few_p99_us, &ScaleRow::few_cpu_us, &ScaleRow::all_per_second,
          &ScaleRow::all_p99_us, &ScaleRow::all_cpu_us}) {
      rows[i].*member = median(rounds, [&](const auto& round) { return round[i].*member; });
    }
  }
  return rows;
}

}  // namespace

Awaitable<Result<std::vector<ScaleRow>>> measure_scale(CompletionQueuePump& pump,
                                                       const ScaleOptions& options) {
  std::vector<Benchmark> programs;
  for (const std::string& file : options.benchmark_files) {
    Result<std::string> contents = read_file(file);
    if (!contents) {
      co_return contents.error();
    }
    programs.push_back(program(programs.size(), *std::move(contents)));
  }
  if (programs.empty()) {
    programs.push_back(program(0, "Ir data"));
  }
  try {
    std::vector<std::vector<ScaleRow>> rounds;
    rounds.reserve(static_cast<std::size_t>(options.rounds));
    for (int round = 0; round < options.rounds; ++round) {
      rounds.push_back(co_await fill_one(pump, options, programs));
    }
    co_return medians(rounds);
  } catch (const std::exception& error) {
    co_return internal_error(error.what());
  }
}

}  // namespace compiler_gym
