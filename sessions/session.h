// One open session: who runs it, and the order in which requests reach it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/calling_thread_executor.h"
#include "core/continuation_executor.h"
#include "core/gate.h"
#include "core/support/clock.h"
#include "core/support/logger.h"
#include "core/unique_handler.h"
#include "sessions/client_id.h"
#include "sessions/session_executor.h"
#include "sessions/task_queue.h"

namespace compiler_gym {

/// What a session was made from: as long as no action has been applied, it can be made again.
struct SessionOrigin {
  std::shared_ptr<const Benchmark> benchmark;
  int action_space = 0;
  ExecutorKind executor = ExecutorKind::kInline;
  ClientId client{};                         ///< who started it
  SendSessionParameterRequest parameters{};  ///< those that the plug-in has accepted so far
  bool acted = false;                        ///< a step with an action has been asked for
};

/// Runs tasks, first come, first served, never two at once.
/// Threads:  every member may be called from any thread; executor(), origin() and
///           replace_executor() by the running task.
/// Lifetime: shared by the table and by its running task. The executor is told to end when the
///           session has ended and its last task is done.
class Session : public std::enable_shared_from_this<Session> {
 public:
  using Id = std::int64_t;

  /// `alive` is given back once the executor has ended, by a coroutine of `coroutines`.
  Session(Id id, std::unique_ptr<SessionExecutor> executor, SessionOrigin origin, Gate::Pass alive,
          std::size_t max_queued_tasks, ContinuationExecutor coroutines, Logger& logger);
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  ~Session();

  [[nodiscard]] Id id() const { return id_; }
  [[nodiscard]] SessionExecutor& executor() { return *executor_; }
  [[nodiscard]] SessionOrigin& origin() { return origin_; }
  /// Returns the one before.
  [[nodiscard]] std::unique_ptr<SessionExecutor> replace_executor(
      std::unique_ptr<SessionExecutor> executor) {
    return std::exchange(executor_, std::move(executor));
  }

  /// Runs the task when its turn comes. It is dropped, inside this call, with RESOURCE_EXHAUSTED if
  /// too many are waiting, with NOT_FOUND if the session has ended and with UNAVAILABLE if it is
  /// closed; and later with CANCELLED if its stop source is triggered before its turn.
  void submit(std::unique_ptr<internal::SessionTask> task);

  /// Drops the waiting tasks, and whatever is submitted later, with UNAVAILABLE; a running one runs
  /// on. For a service that shuts down.
  void close();

  /// Ends the session: waiting tasks are dropped (CANCELLED), a running one is asked to stop.
  /// `on_ended` is called once the plug-in's object is gone; but at once if a task is running,
  /// which can take long to heed the request: the session then goes when that task does. Only the
  /// first call has an effect; a further one calls its `on_ended` at once.
  void end(UniqueHandler<void()> on_ended);

  /// As end(), by the running task, with which the session goes. To the tasks that wait it is as if
  /// they had come later (NOT_FOUND).
  void end_in_turn();

  /// As end(), unless something is running or the session was used after `cutoff`. Returns whether
  /// it did.
  bool end_if_idle_since(Clock::time_point cutoff);

 private:
  friend class SessionTurn;
  using Tasks = std::vector<std::unique_ptr<internal::SessionTask>>;

  void run(std::unique_ptr<internal::SessionTask> task);
  void finish(std::unique_ptr<internal::SessionTask> task, grpc::Status outcome);
  void complete(internal::SessionTask& task, grpc::Status outcome) const noexcept;
  void drop(Tasks tasks, const grpc::Status& why) const;
  void end_executor(UniqueHandler<void()> on_ended);
  void log_end(const std::exception_ptr& error) const;

  const Id id_;
  const ContinuationExecutor coroutines_;
  Logger& logger_;
  const CallingThreadExecutor here_{logger_, "session, its end"};
  // Touched by the running task, then by the end of the session.
  Gate::Pass alive_;
  std::unique_ptr<SessionExecutor> executor_;
  SessionOrigin origin_;

  std::mutex mutex_;  // guards what follows; never held while plug-in code or a handler runs
  internal::TaskQueue tasks_;
  std::stop_source running_stop_{std::nostopstate};
  Clock::time_point last_used_;
};

}  // namespace compiler_gym
