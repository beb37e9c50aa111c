// What every way to reach a service shares: its compiler, who is let in, its start and its drain.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "async_server/service_options.h"
#include "async_server/service_plugin.h"
#include "context/context_host.h"
#include "core/support/clock.h"
#include "core/support/logger.h"
#include "core/unique_handler.h"
#include "core/worker_pool.h"
#include "sessions/isolated/isolated_sessions.h"
#include "sessions/session_service.h"

namespace compiler_gym {

namespace internal {
class Admission;
}  // namespace internal

/// Where plug-in code runs.
enum class PluginThreads {
  /// On threads of the service's own: a request costs a hop there and one back, about 10 to 30 us
  /// each with idle threads, and the caller's threads are held up by no
  /// more than steps that CompilationSession::isCheap() says are cheap.
  kPool,
  /// On the thread that makes the request, before the call returns: an inline request costs a
  /// microsecond or two and what the plug-in takes, and for as long the caller's thread does nothing
  /// else: SessionServiceOptions::request_timeout has no effect. For applications of one thread, and
  /// for cheap compilers. One thread of the service's runs
  /// a context's blocking init() and shutdown(), and requests that find their session in use, which
  /// only another thread of the caller's can bring about.
  kCaller,
};

struct ServiceRuntimeOptions : ServiceOptions {
  PluginThreads plugin_threads = PluginThreads::kPool;
  /// Of the requests in flight, together; see ServerOptions.
  std::size_t max_bytes_in_flight = SIZE_MAX;
  /// Sessions idle for longer are ended. 0: never.
  std::chrono::milliseconds session_ttl{0};
};

/// A way to reach a service: what its runtime asks of it, each once and in this order, but for
/// cancel_calls(). What it does not need it leaves as it is.
/// Threads: all are called on the runtime's strand.
class ServiceFront {
 public:
  virtual ~ServiceFront() = default;

  /// Looks for what would keep it from opening, before the context is initialised, which may take
  /// long.
  [[nodiscard]] virtual boost::asio::awaitable<grpc::Status> prepare();
  /// Begins to take calls. When it completes it can be reached.
  [[nodiscard]] virtual boost::asio::awaitable<grpc::Status> open();
  /// Takes no more calls, and completes when nothing can come any more. Asked of a front whose open()
  /// was called, failed or not.
  [[nodiscard]] virtual boost::asio::awaitable<void> close();
  /// Makes the calls that run end early. Between close() and its completion: when the drain's
  /// deadline has passed, and when no call runs, for what else a client may keep open; then again
  /// and again, since a call that was on its way can have been missed.
  virtual void cancel_calls() {}
  /// The context has been shut down: there is nothing left to serve.
  virtual void stopped() {}

 protected:
  ServiceFront() = default;
  ServiceFront(const ServiceFront&) = default;
  ServiceFront& operator=(const ServiceFront&) = default;
};

/// Owns a plug-in's context and sessions and the threads they run on, lets requests in, and takes all
/// of that from start to drain. What requests come by is its front's business.
///
/// Start: front prepares, context init, spaces, front opens. Drain: requests are refused, the front
/// closes while running calls finish until the deadline, sessions end, context shutdown.
///
/// Threads:  every member may be called from any thread.
/// Lifetime: the io_context, the front and the logger must outlive it. Destroy it after async_run()
///           completed, or if it never ran (asserted).
/// Work:     between start and drain it keeps the io_context from running dry by nothing but
///           session_ttl.
class ServiceRuntime {
  using StatusHandler = UniqueHandler<void(grpc::Status)>;

 public:
  /// `zygote`: of this plug-in; without one no session can be isolated.
  ServiceRuntime(boost::asio::io_context& io_context, ServicePlugin plugin,
                 ServiceRuntimeOptions options, ServiceFront& front, Logger& logger,
                 std::optional<isolated::Zygote> zygote = std::nullopt);
  ServiceRuntime(const ServiceRuntime&) = delete;
  ServiceRuntime& operator=(const ServiceRuntime&) = delete;
  ~ServiceRuntime();

  // Handlers run on their associated executor, those without one on the io_context; never inside the
  // initiating call. Signature of all: void(grpc::Status).

  /// Starts, and completes when a drain, or what follows a start that failed, is over. Once.
  /// Errors: why it could not start, or what the context's shutdown returned. A drain that was asked
  ///         for is no error, also before serving began.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_run(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { run(StatusHandler(std::move(handler), executor_)); }, token);
  }

  /// Completes when the front is open: OK, or why it never will be; CANCELLED after a drain.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_started(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { wait_started(StatusHandler(std::move(handler), executor_)); },
        token);
  }

  /// As async_run(), with nobody to hear how it ends but who asks async_ended() or async_drain(): so
  /// that nothing keeps the io_context from running dry meanwhile.
  void start();

  /// As async_started(), but an error comes when all is over that follows a start that failed.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_ready(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { wait_ready(StatusHandler(std::move(handler), executor_)); }, token);
  }

  /// Completes when async_run() does, with its status.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_ended(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { wait_ended(StatusHandler(std::move(handler), executor_)); }, token);
  }

  /// Refuses new requests from this call on, lets running ones finish for `grace`, then cancels them,
  /// and completes when async_run() does, with its status. Idempotent: any number of callers, and the
  /// earliest deadline holds. OK at once if it is not running.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_drain(Clock::duration grace, Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this, grace](auto handler) { drain(grace, StatusHandler(std::move(handler), executor_)); },
        token);
  }

  [[nodiscard]] ContextHost& context_host();
  [[nodiscard]] SessionService& sessions();
  /// Where what blocks and is no session's step is run, the start of sessions above all.
  [[nodiscard]] WorkerPool& start_workers();
  /// For fronts.
  [[nodiscard]] internal::Admission& admission();
  /// Sessions open now; after a drain, those that were left when the last request had been answered.
  [[nodiscard]] std::size_t session_count() const;

 private:
  void run(StatusHandler handler);
  void wait_started(StatusHandler handler);
  void wait_ready(StatusHandler handler);
  void wait_ended(StatusHandler handler);
  void drain(Clock::duration grace, StatusHandler handler);

  class Impl;
  boost::asio::io_context::executor_type executor_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace compiler_gym
