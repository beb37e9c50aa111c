#include "bench/compare/comparison.h"

#include <fmt/core.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "bench/compare/peer_load.h"
#include "bench/compare/server_fleet.h"
#include "bench/compare/service_starts.h"
#include "bench/compare/start_storm.h"
#include "client/service_client.h"
#include "core/run_together.h"
#include "tools/load/load_generator.h"
#ifdef COMPILER_GYM_COMPARE_HAS_LLVM
#include "bench/llvm/bench_modules.h"
#endif

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr int kStormClients = 8;
/// Sessions of the rows with LLVM, at least.
constexpr int kLlvmSessions = 64;
/// Of a second of measuring: about what two processors do.
constexpr int kLlvmOperationsPerSecond = 512;
constexpr int kOperationsBesideStarts = 256;

std::string large_module() {
#ifdef COMPILER_GYM_COMPARE_HAS_LLVM
  return bench_module(ModuleSize::kLarge);
#else
  return {};
#endif
}

OperationMix mix_of(Rpc rpc) {
  switch (rpc) {
    case Rpc::kGetVersion:
      return *OperationMix::parse("version=1");
    case Rpc::kStartSession:
      return *OperationMix::parse("start=1");
    case Rpc::kForkSession:
      return *OperationMix::parse("fork=1");
    case Rpc::kStep:
    case Rpc::kEndSession:
      break;
  }
  return OperationMix();
}

class Comparison {
 public:
  Comparison(CompletionQueuePump& pump, CompareOptions options,
             std::function<void(const CompareProgress&)> observer, std::stop_token stop)
      : pump_(pump),
        options_(std::move(options)),
        observer_(std::move(observer)),
        stop_(std::move(stop)),
        fleet_(options_.binaries, options_.peer) {}

  asio::awaitable<Result<std::vector<RowResult>>> async_run() {
    for (const CompareRow& row : options_.rows) {
      results_.push_back({.row = row, .servers = {}});
      for (std::string& server : row.servers()) {
        results_.back().servers.push_back({.server = std::move(server), .rounds = {}});
      }
    }
    grpc::Status failure;
    for (int round = 0; round < options_.rounds && failure.ok(); ++round) {
      for (std::size_t i = 0; i < results_.size() && failure.ok(); ++i) {
        failure = co_await measure_row(round, i);
      }
    }
    const grpc::Status stopped = co_await fleet_.async_stop();
    if (!failure.ok() || !stopped.ok()) {
      co_return failure.ok() ? stopped : failure;
    }
    co_return std::move(results_);
  }

 private:
  asio::awaitable<grpc::Status> measure_row(int round, std::size_t index) {
    RowResult& result = results_[index];
    const std::size_t count = result.servers.size();
    // The same for all servers, and never again.
    const std::uint64_t seed = static_cast<std::uint64_t>(round) * results_.size() + index + 1;
    for (std::size_t i = 0; i < count; ++i) {
      if (stop_.stop_requested()) {
        co_return cancelled("interrupted");
      }
      ServerRounds& server = result.servers[(i + static_cast<std::size_t>(round) + index) % count];
      report(round, index, i, server.server);
      Result<Measurement> measured = co_await measure(result.row, server.server, seed);
      if (!measured) {
        co_return grpc::Status(
            measured.error().error_code(),
            result.row.name() + ", " + server.server + ": " + measured.error().error_message());
      }
      server.rounds.push_back(*std::move(measured));
    }
    co_return grpc::Status::OK;
  }

  void report(int round, std::size_t index, std::size_t server_index, const std::string& server) {
    if (!observer_) {
      return;
    }
    const RowResult& result = results_[index];
    const double of_round =
        (static_cast<double>(index) +
         static_cast<double>(server_index) / static_cast<double>(result.servers.size())) /
        static_cast<double>(results_.size());
    observer_({.fraction = (round + of_round) / options_.rounds,
               .doing = fmt::format("round {} of {}: {}, {}", round + 1, options_.rounds,
                                    result.row.name(), server)});
  }

  asio::awaitable<Result<Measurement>> measure(CompareRow row, std::string server,
                                               std::uint64_t seed) {
    if (row.work == Work::kPeerServiceStart) {
      co_return co_await async_measure_service_starts(pump_, fleet_.options_of(row, server),
                                                      options_.duration);
    }
    const Result<Endpoint> endpoint = co_await fleet_.async_get(row, server);
    if (!endpoint) {
      co_return endpoint.error();
    }
    Result<Measurement> measured = co_await measure_on(row, *endpoint, seed);
    if (!measured) {
      measured = Measurement{.failed = 1, .first_error = to_string(measured.error())};
    }
    // Beside the peer each measurement has a new server: one that remembers what it has computed
    // would begin with the answers of the rows before.
    if (row.has_peer() || measured->failed > 0) {
      const std::optional<ProcessExit> exit = co_await fleet_.async_discard(row, server);
      if (exit && (measured->failed > 0 || exit->returncode != 0)) {
        measured->failed = std::max<std::uint64_t>(measured->failed, 1);
        measured->first_error += "; its server ended with " + exit->describe();
      }
    }
    co_return measured;
  }

  asio::awaitable<Result<Measurement>> measure_on(CompareRow row, Endpoint endpoint,
                                                  std::uint64_t seed) {
    LoadOptions options = load_options(row, endpoint);
    options.seed = seed;
    LoadGenerator load(pump_, std::move(options));
    if (row.work == Work::kLlvmStepBesideStarts) {
      co_return co_await measure_beside_starts(load, endpoint);
    }
    const Result<LoadResult> result = co_await load.async_run();
    if (!result) {
      co_return result.error();
    }
    co_return to_measurement(*result, row.rpc());
  }

  asio::awaitable<Result<Measurement>> measure_beside_starts(LoadGenerator& load,
                                                             const Endpoint& endpoint) {
    if (large_module_.empty()) {
      large_module_ = large_module();
    }
    // On a connection of its own: other clients.
    StartStorm storm(pump_, make_channel(endpoint.target), kStormClients);
    grpc::Status storm_status = co_await storm.async_prepare(large_module_);
    if (!storm_status.ok()) {
      co_return storm_status;
    }
    Result<LoadResult> result = LoadResult();
    const auto run_part = [&](int part) -> asio::awaitable<void> {
      if (part == 0) {
        storm_status = co_await storm.async_run();
      } else {
        result = co_await load.async_run();
        storm.stop();
      }
    };
    co_await run_together(2, run_part);
    if (!result || !storm_status.ok()) {
      co_return result ? storm_status : result.error();
    }
    Measurement measured = to_measurement(*result, Rpc::kStep);
    measured.others_per_second = storm.starts_per_second();
    // What the server did for the others is in it, and can't be told apart.
    measured.cpu_us = 0;
    co_return measured;
  }

  [[nodiscard]] LoadOptions load_options(const CompareRow& row, const Endpoint& endpoint) const {
    LoadOptions load;
    load.target = endpoint.target;
    load.channel = endpoint.channel;
    load.server_pid = endpoint.pid;
    load.timeout = options_.timeout;
    load.mix = mix_of(row.rpc());
    load.in_flight = row.in_flight;
    load.sessions = row.in_flight;
    load.duration = options_.duration;
    load.warmup = std::min<std::chrono::nanoseconds>(options_.duration / 4, 500ms);
    if (row.has_peer()) {
      set_peer_load(row, *options_.peer, options_.duration, load);
    } else if (row.compiler() == "llvm") {
      use_llvm(row, load);
    }
    if (options_.operations) {
      load.operations = options_.operations;
      load.duration.reset();
      load.warmup = 0ns;
    }
    return load;
  }

  // As many operations on every server, from the same states: the further a session has come, the less
  // its steps cost, so a faster server would be measured on easier ones.
  void use_llvm(const CompareRow& row, LoadOptions& load) const {
    const bool beside_starts = row.work == Work::kLlvmStepBesideStarts;
    const double seconds = std::chrono::duration<double>(options_.duration).count();
    load.sessions = std::max(row.in_flight, kLlvmSessions);
    load.benchmark_files = options_.programs;
    load.observation_spaces = {"ObjectTextSizeBytes"};
    load.warmup = 0ns;
    load.operations = std::max<std::uint64_t>(
        1, static_cast<std::uint64_t>(
               (beside_starts ? kOperationsBesideStarts : kLlvmOperationsPerSecond) * seconds));
    load.duration = 20 * options_.duration;
  }

  CompletionQueuePump& pump_;
  const CompareOptions options_;
  const std::function<void(const CompareProgress&)> observer_;
  const std::stop_token stop_;
  ServerFleet fleet_;
  std::string large_module_;
  std::vector<RowResult> results_;
};

}  // namespace

asio::awaitable<Result<std::vector<RowResult>>> async_compare(
    CompletionQueuePump& pump, CompareOptions options,
    std::function<void(const CompareProgress&)> observer, std::stop_token stop) {
  Comparison comparison(pump, std::move(options), std::move(observer), std::move(stop));
  co_return co_await comparison.async_run();
}

}  // namespace compiler_gym
