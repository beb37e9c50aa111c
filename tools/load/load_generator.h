// Puts load on a service and measures it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "core/completion_queue_pump.h"
#include "core/support/clock.h"
#include "core/support/status.h"
#include "tools/load/load_measurement.h"
#include "tools/load/load_options.h"
#include "tools/load/load_result.h"
#include "tools/load/load_target.h"
#include "tools/load/poisson_arrivals.h"
#include "tools/load/session_calls.h"

namespace compiler_gym {

/// Simulated clients: so many operations are under way at a time, each on a session that no other uses.
///
/// What is measured: each call from when it is sent until its answer is here. In the open loop the first
/// call of an operation counts from the moment the operation arrived instead, so that a server which
/// makes the clients wait cannot thereby hide the wait ("coordinated omission").
///
/// Threads:  everything on the executor of async_run(), which must be a strand or have one thread.
/// Lifetime: until async_run() has completed.
/// Errors:   of async_run(): what keeps the load from starting. Failing calls while measuring are part
///           of the result; a session that was lost by one is replaced.
class LoadGenerator {
 public:
  LoadGenerator(CompletionQueuePump& pump, LoadOptions options);
  LoadGenerator(const LoadGenerator&) = delete;
  LoadGenerator& operator=(const LoadGenerator&) = delete;

  /// Called a few times a second while measuring.
  void on_progress(std::function<void(const LoadProgress&)> observer) {
    observer_ = std::move(observer);
  }

  using Validator = SessionCalls::Validator;

  /// From then on, sessions on `benchmark_files` are validated before they are ended. Neither that
  /// nor the call that gets the bitcode is measured, but both take time that nothing else gets.
  void validate_with(Validator validator) { calls_.validate_with(std::move(validator)); }

  /// Opens the sessions, warms up, measures, and ends the sessions.
  [[nodiscard]] boost::asio::awaitable<Result<LoadResult>> async_run();

  /// Ends the measurement early, as soon as the operations under way are done.
  void interrupt();

 private:
  [[nodiscard]] boost::asio::awaitable<grpc::Status> prepare();
  [[nodiscard]] boost::asio::awaitable<grpc::Status> open_all_sessions();
  [[nodiscard]] boost::asio::awaitable<void> end_all_sessions();

  [[nodiscard]] boost::asio::awaitable<void> run_load();
  [[nodiscard]] boost::asio::awaitable<void> watch();
  [[nodiscard]] boost::asio::awaitable<void> work();
  [[nodiscard]] std::optional<CallStart> next_operation();
  [[nodiscard]] boost::asio::awaitable<bool> perform(Operation operation, CallStart due);
  void stop();

  const LoadOptions options_;
  std::function<void(const LoadProgress&)> observer_;
  LoadTarget target_;
  LoadMeasurement measurement_;
  SessionCalls calls_;
  std::vector<SessionSlot> slots_;
  std::vector<std::size_t> idle_;  // slots without an operation
  std::mt19937_64 random_;
  PoissonArrivals arrivals_;
  std::optional<Timer> watch_timer_;
};

}  // namespace compiler_gym
