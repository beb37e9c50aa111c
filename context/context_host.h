// Owns a service's context and takes it through its life.
#pragma once

#include <grpcpp/support/status.h>

#include <atomic>
#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <memory>
#include <vector>

#include "context/benchmark_cache.h"
#include "context/compiler_gym_service_context.h"
#include "context/state_graph.h"
#include "core/support/logger.h"
#include "core/unique_handler.h"
#include "core/worker_pool.h"

namespace compiler_gym {

enum class ContextState {
  kNew,           ///< init() has not been called
  kInitializing,  ///< init() is running
  kRunning,       ///< init() succeeded: sessions may use the context
  kInitFailed,    ///< init() failed: only shutdown() is left to do
  kShuttingDown,  ///< shutdown() is running
  kShutDown,      ///< shutdown() has returned, well or not
};

/// Holds what sessions share for the life of a service: the plug-in's context the benchmark
/// cache and the state graph. Puts the context's strand on the service's io_context and runs its init and shutdown
/// there.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive every session. Once async_init() was called, async_shutdown() must have
///           completed before the host is destroyed (asserted).
/// Source:   state that outlives a session, CompilerGym issue 591.
class ContextHost {
 public:
  ContextHost(boost::asio::any_io_executor executor,
              std::unique_ptr<CompilerGymServiceContext> context, WorkerPool& workers,
              Logger& logger);
  ContextHost(const ContextHost&) = delete;
  ContextHost& operator=(const ContextHost&) = delete;
  ~ContextHost();

  /// Runs the context's init. Signature: void(grpc::Status).
  /// Errors: what init returned; INTERNAL for an exception; CANCELLED if async_shutdown() was
  ///         called meanwhile and the context heeded it; FAILED_PRECONDITION if it was called
  ///         before.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_init(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { init(StatusHandler(std::move(handler), executor_)); }, token);
  }

  /// Runs the context's shutdown, once: it waits for an init that is under way, which it cancels,
  /// and does nothing if there was none. Further calls complete with the first one's status.
  /// Signature: void(grpc::Status). Cannot be cancelled.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_shutdown(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { shutdown(StatusHandler(std::move(handler), executor_)); }, token);
  }

  /// Asks an init that is under way to end early; one that blocks a worker, or does not heed it,
  /// runs to its end.
  void cancel_init();

  /// The event loop's.
  [[nodiscard]] const boost::asio::any_io_executor& executor() const noexcept { return executor_; }
  /// Where what blocks and is no session's step is run.
  [[nodiscard]] WorkerPool& workers() const noexcept { return workers_; }
  [[nodiscard]] Logger& logger() const noexcept { return logger_; }
  [[nodiscard]] ContextState state() const noexcept { return state_.load(); }
  [[nodiscard]] CompilerGymServiceContext& context() noexcept { return *context_; }
  [[nodiscard]] BenchmarkCache& benchmarks() noexcept { return benchmarks_; }
  /// Off unless it is given a bound.
  [[nodiscard]] StateGraph& state_graph() noexcept { return state_graph_; }

 private:
  using StatusHandler = UniqueHandler<void(grpc::Status)>;

  void init(StatusHandler handler);
  void shutdown(StatusHandler handler);
  void init_on_strand(StatusHandler handler);
  void shutdown_on_strand(StatusHandler handler);
  void cancel_init_on_strand();
  void start_shutdown_on_strand();
  void finish_shutdown_on_strand(grpc::Status status);
  void complete(StatusHandler handler, grpc::Status status);

  boost::asio::any_io_executor executor_;
  WorkerPool& workers_;
  Logger& logger_;
  std::unique_ptr<CompilerGymServiceContext> context_;
  BenchmarkCache benchmarks_;
  StateGraph state_graph_;

  std::atomic<ContextState> state_{ContextState::kNew};  // written on the strand
  // The rest is touched on the strand only.
  boost::asio::cancellation_signal cancel_init_;
  grpc::Status shutdown_status_;
  std::vector<StatusHandler> shutdown_waiters_;
};

}  // namespace compiler_gym
