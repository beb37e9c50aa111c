#include "bench/compare/measurement.h"

#include <algorithm>
#include <numeric>

#include "tools/support/statistics.h"

namespace compiler_gym {
Measurement to_measurement(const LoadResult& result, Rpc rpc) {
  const LatencyHistogram& latency = result[rpc].latency;
  const auto operations = static_cast<double>(latency.count());
  Measurement measured{.per_second = result.per_second(latency.count()),
                       .p50_us = microseconds(latency.quantile(0.5)),
                       .p99_us = microseconds(latency.quantile(0.99)),
                       .p999_us = microseconds(latency.quantile(0.999)),
                       .operations = latency.count()};
  if (result.server && latency.count() > 0) {
    measured.cpu_us = static_cast<double>(result.server->cpu.count()) / operations;
  }
  for (const RpcResult& calls : result.rpcs) {
    measured.failed += calls.error_count();
    if (measured.first_error.empty()) {
      measured.first_error = calls.first_error;
    }
  }
  return measured;
}

std::uint64_t ServerRounds::failed() const {
  return std::accumulate(
      rounds.begin(), rounds.end(), std::uint64_t{0},
      [](std::uint64_t sum, const Measurement& round) { return sum + round.failed; });
}

std::string ServerRounds::first_error() const {
  const auto found = std::ranges::find_if(
      rounds, [](const Measurement& round) { return !round.first_error.empty(); });
  return found == rounds.end() ? "" : found->first_error;
}

const ServerRounds* RowResult::of(const std::string& server) const {
  const auto found = std::ranges::find(servers, server, &ServerRounds::server);
  return found == servers.end() ? nullptr : &*found;
}

Measurement medians(const ServerRounds& server) {
  Measurement result;
  for (const auto& [name, field] : kMeasuredFigures) {
    result.*field = median(server.rounds, field);
  }
  result.operations = median(server.rounds, &Measurement::operations);
  result.failed = server.failed();
  result.first_error = server.first_error();
  return result;
}

Measurement median_ratios(const ServerRounds& server, const ServerRounds& baseline) {
  Measurement result;
  for (const auto& [name, field] : kMeasuredFigures) {
    result.*field = median_ratio(server.rounds, baseline.rounds, field);
  }
  return result;
}

}  // namespace compiler_gym
