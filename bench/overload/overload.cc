#include "bench/overload/overload.h"

#include <fmt/core.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <thread>
#include <utility>

#include "client/managed_service.h"
#include "core/run_together.h"
#include "core/support/clock.h"
#include "tools/load/latency_histogram.h"
#include "tools/load/load_generator.h"
#include "tools/support/statistics.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

// Sessions, of which all measurements have as many, made anew for each. Their first steps cost more
// than later ones: the process of a session copies the memory that it writes to, and there is still
// much to optimise. So that whoever does fewer steps is not measured on dearer ones, the first few of
// each session come before.
constexpr int kCrowd = 256;
constexpr auto kWarmup = 4s;
constexpr int kBusy = 16;          // requests that keep two processors busy, and then some
constexpr int kMostInFlight = 64;  // the service's bound

double client_processors(const LoadResult& load) {
  return std::chrono::duration<double>(load.client_cpu) / load.elapsed;
}

class Overload {
 public:
  Overload(CompletionQueuePump& pump, OverloadOptions options)
      : pump_(pump), options_(std::move(options)) {}

  asio::awaitable<Result<std::vector<OverloadRound>>> async_run() {
    ManagedServiceOptions service;
    service.binary = options_.service;
    service.arguments = {fmt::format("--max_requests_in_flight={}", kMostInFlight)};
    auto started = co_await ManagedService::async_start(std::move(service));
    if (!started) {
      co_return started.error();
    }
    service_ = *std::move(started);
    for (int i = 0; i < options_.rounds; ++i) {
      if (grpc::Status status = co_await measure_round(); !status.ok()) {
        co_return status;
      }
    }
    co_await service_->async_stop();
    co_return std::move(rounds_);
  }

 private:
  asio::awaitable<grpc::Status> measure_round() {
    OverloadRound round;
    round.idle_p99 = co_await probe_for(Clock::duration(options_.duration) / 4);

    const Result<LoadResult> peak = co_await load(load_options(kBusy, std::nullopt));
    if (!peak) {
      co_return peak.error();
    }
    round.peak_per_second = peak->per_second((*peak)[Rpc::kStep].latency.count());
    round.client_at_peak = client_processors(*peak);

    round.offered_per_second = 2 * round.peak_per_second;
    Result<LoadResult> overload = LoadResult();
    const auto run_part = [&](int part) -> asio::awaitable<void> {
      if (part == 0) {
        overload = co_await load(load_options(kCrowd, round.offered_per_second));
      } else {
        round.overload_p99 = co_await probe_for(options_.duration);
      }
    };
    co_await run_together(2, run_part);
    if (!overload) {
      co_return overload.error();
    }
    const RpcResult& steps = (*overload)[Rpc::kStep];
    const auto refused = steps.errors.find(grpc::StatusCode::RESOURCE_EXHAUSTED);
    const std::uint64_t refusals = refused == steps.errors.end() ? 0 : refused->second;
    round.goodput_per_second = overload->per_second(steps.latency.count());
    round.client_in_overload = client_processors(*overload);
    round.refused_per_second = overload->per_second(refusals);
    round.failed = steps.error_count() - refusals;
    rounds_.push_back(round);
    co_return grpc::Status::OK;
  }

  [[nodiscard]] LoadOptions load_options(int in_flight, std::optional<double> rate) const {
    LoadOptions load;
    load.target = service_->target();
    load.sessions = kCrowd;
    load.in_flight = in_flight;
    load.rate = rate;
    load.duration = options_.duration;
    load.warmup = kWarmup;
    load.observation_spaces = {"ObjectTextSizeBytes"};
    load.benchmark_files = options_.programs;
    load.timeout = 60s;
    return load;
  }

  asio::awaitable<Result<LoadResult>> load(LoadOptions options) {
    LoadGenerator generator(pump_, std::move(options));
    co_return co_await generator.async_run();
  }

  /// The 99th percentile of GetVersion, on a connection of its own, a hundred times a second: one call
  /// after the other would take the steps a processor away.
  asio::awaitable<std::chrono::nanoseconds> probe_for(Clock::duration time) {
    ServiceClient client(pump_, service_->target());
    Timer pause(co_await asio::this_coro::executor);
    LatencyHistogram latency;
    const Clock::time_point until = Clock::now() + time;
    while (Clock::now() < until) {
      const Clock::time_point sent = Clock::now();
      const auto reply = co_await client.get_version({.timeout = 60s});
      if (reply) {
        latency.record(Clock::now() - sent);
      }
      pause.expires_at(sent + 10ms);
      co_await pause.async_wait(asio::as_tuple(asio::use_awaitable));
    }
    co_return latency.quantile(0.99);
  }

  CompletionQueuePump& pump_;
  const OverloadOptions options_;
  std::unique_ptr<ManagedService> service_;
  std::vector<OverloadRound> rounds_;
};

double goodput_ratio(const OverloadRound& round) {
  return round.goodput_per_second / round.peak_per_second;
}

// The same if the service had had as much of the machine both times.
double goodput_ratio_without_client(const OverloadRound& round) {
  const double processors = std::thread::hardware_concurrency();
  return goodput_ratio(round) * (processors - round.client_at_peak) /
         (processors - round.client_in_overload);
}

double latency_ratio(const OverloadRound& round) {
  return static_cast<double>(round.overload_p99.count()) /
         static_cast<double>(round.idle_p99.count());
}

}  // namespace

asio::awaitable<Result<std::vector<OverloadRound>>> async_measure_overload(
    CompletionQueuePump& pump, OverloadOptions options) {
  Overload overload(pump, std::move(options));
  co_return co_await overload.async_run();
}

std::string to_markdown(const std::vector<OverloadRound>& rounds) {
  const double peak = median(rounds, &OverloadRound::peak_per_second);
  const double offered = median(rounds, &OverloadRound::offered_per_second);
  const double goodput = median(rounds, &OverloadRound::goodput_per_second);
  const double refused = median(rounds, &OverloadRound::refused_per_second);
  const auto failed = median(rounds, &OverloadRound::failed);
  const double idle = microseconds(median(rounds, &OverloadRound::idle_p99));
  const double busy = microseconds(median(rounds, &OverloadRound::overload_p99));
  return fmt::format(
      "| at twice the capacity, medians of {} rounds | | target |\n|---|---|---|\n"
      "| steps done at the peak, per second | {:.0f} | |\n"
      "| steps offered, per second | {:.0f} | |\n"
      "| steps done, per second | {:.0f} | |\n"
      "| steps refused, per second | {:.0f} | |\n"
      "| steps that failed otherwise | {} | 0 |\n"
      "| done / peak | {:.2f} | at least 0.90 |\n"
      "| processors the client took, at the peak and in overload | {:.2f}, {:.2f} | |\n"
      "| done / peak, of the processors it left | {:.2f} | |\n"
      "| GetVersion p99 idle, us | {:.0f} | |\n"
      "| GetVersion p99 overloaded, us | {:.0f} | |\n"
      "| overloaded / idle | {:.1f} | under 50 |\n",
      rounds.size(), peak, offered, goodput, refused, failed, median(rounds, goodput_ratio),
      median(rounds, &OverloadRound::client_at_peak),
      median(rounds, &OverloadRound::client_in_overload),
      median(rounds, goodput_ratio_without_client), idle, busy, median(rounds, latency_ratio));
}

}  // namespace compiler_gym
