// Sessions that live in the service's own process.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <stop_token>

#include "context/context_host.h"
#include "core/worker_pool.h"
#include "sessions/compilation_session.h"
#include "sessions/internal/time_limit.h"
#include "sessions/service_spaces.h"
#include "sessions/session_executor.h"

namespace compiler_gym::internal {

/// See SessionServiceOptions.
struct InlineOptions {
  std::chrono::milliseconds request_timeout{0};
  std::size_t max_reply_bytes = SIZE_MAX;
  bool on_callers_thread = false;
};

/// Makes sessions whose plug-in objects are called on the worker pool, but for steps that they call
/// cheap (the inline lane).
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive the sessions it starts.
class InlineSessions {
 public:
  InlineSessions(SessionFactory factory, ContextHost& context_host, WorkerPool& workers,
                 const ServiceSpaces& spaces, const InlineOptions& options);

  /// The plug-in's object, not yet init()-ed. INTERNAL if its constructor throws.
  [[nodiscard]] Result<std::unique_ptr<CompilationSession>> make_plugin() const;

  /// Initialises a session and computes the observations asked for. Blocks for as long as the
  /// plug-in takes.
  [[nodiscard]] Result<std::unique_ptr<SessionExecutor>> start(
      const StartSessionRequest& request, std::shared_ptr<const Benchmark> benchmark,
      StartSessionReply& reply, const std::stop_token& stop) const;

 private:
  friend class InlineExecutor;

  template <typename Task>
  void run(WorkerPool& workers, Task task, bool cheap = false) const;
  template <typename Function>
  auto async_run(WorkerPool& workers, Function function) const;

  const SessionFactory factory_;
  ContextHost& context_host_;
  WorkerPool& workers_;
  const ServiceSpaces& spaces_;
  const InlineOptions options_;
};

/// Runs each operation as one task of the worker pool, or on the caller's thread: there what its
/// plug-in calls cheap, and all if the service is told so.
class InlineExecutor final : public SessionExecutor {
 public:
  InlineExecutor(const InlineSessions& sessions, std::unique_ptr<CompilationSession> plugin);

  [[nodiscard]] Operation<grpc::Status> step(StepExchange& step, std::stop_source stop) override;
  [[nodiscard]] bool try_step(StepExchange& step, const std::stop_source& stop,
                              SessionTurn& turn) override;
  [[nodiscard]] Operation<ParametersOutcome> set_parameters(
      const SendSessionParameterRequest& request, SendSessionParameterReply& reply,
      std::stop_source stop) override;
  [[nodiscard]] Operation<Result<std::unique_ptr<SessionExecutor>>> fork(
      std::stop_source stop) override;
  [[nodiscard]] bool try_fork(const std::stop_source& stop, ForkHandler& handler) override;
  [[nodiscard]] Operation<void> end() override;
  [[nodiscard]] bool try_end(EndHandler& handler) override;

 private:
  template <typename Run>
  auto perform(const std::stop_source& stop, Run run);
  template <typename Run>
  auto async_perform(std::stop_source stop, Run run);
  [[nodiscard]] bool is_cheap(const StepRequest& request) const;
  Result<std::unique_ptr<SessionExecutor>> make_fork(const std::stop_token& stop);

  const InlineSessions& sessions_;
  std::unique_ptr<CompilationSession> plugin_;
  const std::shared_ptr<TimeLimit> time_limit_;
};

}  // namespace compiler_gym::internal
