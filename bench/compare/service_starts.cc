#include "bench/compare/service_starts.h"

#include <cstdint>
#include <memory>
#include <utility>

#include "client/service_client.h"
#include "core/support/clock.h"
#include "tools/load/latency_histogram.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr std::uint64_t kStartsAtLeast = 3;
/// A service that is up in ten milliseconds is to be seen within a twentieth of that.
constexpr auto kPoll = 500us;

asio::awaitable<Result<Clock::duration>> measure_start(CompletionQueuePump& pump,
                                                       ManagedServiceOptions options) {
  const Clock::time_point began = Clock::now();
  const auto service = co_await ManagedService::async_start(std::move(options));
  if (!service) {
    co_return service.error();
  }
  ServiceClient client(pump, (*service)->target());
  const CallOptions patience{.timeout = 30s, .wait_for_ready = true};
  const Result<GetVersionReply> version = co_await client.get_version(patience);
  const Clock::duration took = Clock::now() - began;
  const ProcessExit exit = co_await (*service)->async_stop();
  if (!version) {
    co_return version.error();
  }
  if (exit.returncode != 0) {
    co_return internal_error("the service ended with " + exit.describe());
  }
  co_return took;
}

}  // namespace

asio::awaitable<Result<Measurement>> async_measure_service_starts(
    CompletionQueuePump& pump, ManagedServiceOptions options, std::chrono::milliseconds duration) {
  options.first_poll = kPoll;
  options.longest_poll = kPoll;
  LatencyHistogram latency;
  const Clock::time_point end = Clock::now() + duration;
  while (Clock::now() < end || latency.count() < kStartsAtLeast) {
    const Result<Clock::duration> took = co_await measure_start(pump, options);
    if (!took) {
      co_return took.error();
    }
    latency.record(*took);
  }
  co_return Measurement{.p50_us = microseconds(latency.quantile(0.5)),
                        .p99_us = microseconds(latency.quantile(0.99)),
                        .p999_us = microseconds(latency.quantile(0.999)),
                        .operations = latency.count()};
}

}  // namespace compiler_gym
