// Puts load on a service and measures it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "client/service_client.h"
#include "client/stream_client.h"
#include "core/completion_queue_pump.h"
#include "core/support/clock.h"
#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "tools/load/load_options.h"
#include "tools/load/load_result.h"
#include "tools/load/poisson_arrivals.h"
#include "tools/validate/validation.h"

namespace compiler_gym {

struct LoadProgress {
  double fraction = 0;  ///< of what is to be measured
  std::uint64_t operations = 0;
  std::uint64_t errors = 0;
};

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

  /// Compares what a session has made of a benchmark, as bitcode, with the benchmark.
  using Validator =
      std::function<boost::asio::awaitable<Validation>(const Benchmark&, std::string bitcode)>;

  /// From then on, sessions on `benchmark_files` are validated before they are ended. Neither that
  /// nor the call that gets the bitcode is measured, but both take time that nothing else gets.
  void validate_with(Validator validator) { validator_ = std::move(validator); }

  /// Opens the sessions, warms up, measures, and ends the sessions.
  [[nodiscard]] boost::asio::awaitable<Result<LoadResult>> async_run();

  /// Ends the measurement early, as soon as the operations under way are done.
  void interrupt();

 private:
  struct Session {
    std::int64_t id = 0;
    std::vector<std::int64_t> actions{};  // so far, if it is going to be validated
  };

  struct Slot {
    ServiceClient* client = nullptr;
    StreamClient* stream = nullptr;  // if steps go through it
    std::optional<Session> session;
    std::string benchmark_uri;
    const Benchmark* validated = nullptr;  // if its sessions are validated: what they start from
  };

  /// Since when a call counts, and whether it counts at all.
  struct Due {
    Clock::time_point since;
    bool measured = false;

    [[nodiscard]] Due from_now() const { return {Clock::now(), measured}; }
  };

  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  // Before and after.
  [[nodiscard]] Awaitable<grpc::Status> prepare();
  [[nodiscard]] grpc::Status resolve_spaces(const GetSpacesReply& spaces);
  [[nodiscard]] Awaitable<grpc::Status> add_benchmarks();
  [[nodiscard]] Awaitable<grpc::Status> open_all_sessions();
  [[nodiscard]] Awaitable<void> end_all_sessions();
  [[nodiscard]] Awaitable<void> close_streams();

  // While the load lasts.
  [[nodiscard]] Awaitable<void> run_load();
  [[nodiscard]] Awaitable<void> watch();
  [[nodiscard]] Awaitable<void> work();
  [[nodiscard]] std::optional<Due> next_operation();
  [[nodiscard]] Awaitable<bool> perform(Operation operation, Due due);
  [[nodiscard]] Awaitable<grpc::Status> perform_on(Slot& slot, Operation operation, Due due);
  [[nodiscard]] Awaitable<Result<StepReply>> send_step(Slot& slot, StepRequest request);
  [[nodiscard]] Awaitable<grpc::Status> step(Slot& slot, Due due);
  [[nodiscard]] Awaitable<grpc::Status> fork(Slot& slot, Due due);
  [[nodiscard]] Awaitable<grpc::Status> start(Slot& slot, Due due);
  [[nodiscard]] Awaitable<grpc::Status> retire(Slot& slot, Session session, Due due);
  [[nodiscard]] Awaitable<grpc::Status> end(Slot& slot, std::int64_t session_id, Due due);
  [[nodiscard]] Awaitable<void> validate(const Slot& slot, Session session);
  void record(Rpc rpc, Due due, const grpc::Status& status);
  void report_progress();
  void stop();
  void begin_measuring();
  void finish_measuring();

  CompletionQueuePump& pump_;
  const LoadOptions options_;
  const CallOptions call_options_;
  std::function<void(const LoadProgress&)> observer_;
  Validator validator_;

  std::vector<std::unique_ptr<ServiceClient>> clients_;
  std::vector<std::unique_ptr<StreamClient>> streams_;  // as many as clients, or none
  std::vector<Slot> slots_;
  std::vector<std::size_t> idle_;  // slots without an operation
  std::mt19937_64 random_;
  PoissonArrivals arrivals_;
  int action_space_ = 0;
  std::int64_t action_count_ = 0;
  std::vector<std::string> action_names_;  // if needed and there are any
  std::vector<int> observation_spaces_;
  int bitcode_space_ = 0;
  std::map<std::string, Benchmark> validated_benchmarks_;  // by URI

  Clock::time_point load_began_;
  Clock::time_point measure_from_;
  Clock::time_point measure_until_ = Clock::time_point::max();
  Clock::time_point last_event_;  // the end of a measured call, or of new operations
  bool measuring_ = false;
  bool stopped_ = false;
  std::optional<Timer> watch_timer_;
  std::chrono::nanoseconds server_cpu_before_{0};
  std::chrono::microseconds client_cpu_before_{0};
  LoadResult result_;
};

}  // namespace compiler_gym
