#include "sessions/session.h"

#include <fmt/core.h>

#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>
#include <vector>

#include "core/support/status.h"
#include "sessions/internal/operation_status.h"
#include "sessions/session_rules.h"

namespace compiler_gym {

using internal::SessionTask;
using internal::TaskQueue;

Session::Session(Id id, std::unique_ptr<SessionExecutor> executor, SessionOrigin origin,
                 Gate::Pass alive, std::size_t max_queued_tasks, ContinuationExecutor coroutines,
                 Logger& logger)
    : id_(id),
      coroutines_(coroutines),
      logger_(logger),
      alive_(std::move(alive)),
      executor_(std::move(executor)),
      origin_(std::move(origin)),
      tasks_(max_queued_tasks),
      last_used_(Clock::now()) {}

Session::~Session() = default;

void Session::submit(std::unique_ptr<SessionTask> task) {
  Tasks dropped;
  TaskQueue::Admission admission;
  {
    const std::lock_guard lock(mutex_);
    admission = tasks_.submit(task, dropped);
    if (admission == TaskQueue::Admission::kRun) {
      running_stop_ = task->stop();
    }
  }
  if (!dropped.empty()) {
    drop(std::move(dropped), cancelled_before_its_turn());
  }
  grpc::Status refusal;
  switch (admission) {
    case TaskQueue::Admission::kRun:
      run(std::move(task));
      return;
    case TaskQueue::Admission::kWait:
      return;
    case TaskQueue::Admission::kFull:
      refusal = resource_exhausted(
          fmt::format("Session {}: {} requests are waiting already, the limit is {}", id_,
                      tasks_.max_waiting(), tasks_.max_waiting()));
      break;
    case TaskQueue::Admission::kClosed:
      refusal = shutting_down();
      break;
    case TaskQueue::Admission::kEnded:
      refusal = session_not_found(id_);
      break;
  }
  complete(*task, std::move(refusal));
}

void Session::close() {
  Tasks dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped = tasks_.close();
  }
  drop(std::move(dropped), shutting_down());
}

void Session::end(UniqueHandler<void()> on_ended) {
  Tasks dropped;
  std::stop_source running_stop{std::nostopstate};
  bool end_now = false;
  {
    const std::lock_guard lock(mutex_);
    if (!tasks_.ended()) {
      dropped = tasks_.end();
      end_now = !tasks_.running();
      running_stop = running_stop_;
    }
  }
  running_stop.request_stop();
  drop(std::move(dropped), cancelled(fmt::format("Session {} was ended", id_)));
  if (end_now) {
    end_executor(std::move(on_ended));
  } else {
    on_ended();
  }
}

void Session::end_in_turn() {
  Tasks dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped = tasks_.end();
  }
  drop(std::move(dropped), session_not_found(id_));
}

bool Session::end_if_idle_since(Clock::time_point cutoff) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.ended() || tasks_.running() || last_used_ > cutoff) {
      return false;
    }
    static_cast<void>(tasks_.end());  // idle, so nothing waits
  }
  end_executor(UniqueHandler<void()>([] {}, here_));
  return true;
}

void Session::run(std::unique_ptr<SessionTask> task) {
  // Once the turn is handed over, neither the task nor the session need be there any more.
  Logger& logger = logger_;
  const Id id = id_;
  SessionTask& running = *task;
  SessionTurn turn(shared_from_this(), std::move(task));
  try {
    running.run(*this, turn);
  } catch (...) {
    grpc::Status failure = status_from_current_exception();
    logger.error("session {}, a request: {}", id, failure.error_message());
    turn.finish(std::move(failure));
  }
}

void Session::finish(std::unique_ptr<SessionTask> task, grpc::Status outcome) {
  std::unique_ptr<SessionTask> next;
  bool ended = false;
  {
    const std::lock_guard lock(mutex_);
    next = tasks_.finish();
    running_stop_ = next == nullptr ? std::stop_source(std::nostopstate) : next->stop();
    last_used_ = Clock::now();
    ended = tasks_.ended();
  }
  // The session is free before the client hears of it: the next request of a client that waits for
  // its reply finds it idle.
  if (next != nullptr) {
    run(std::move(next));
  } else if (ended) {
    auto complete_task = [self = shared_from_this(), task = std::move(task),
                          outcome = std::move(outcome)]() mutable {
      self->complete(*task, std::move(outcome));
    };
    end_executor(UniqueHandler<void()>(std::move(complete_task), here_));
    return;
  }
  complete(*task, std::move(outcome));
}

// A client's handler may be run inside: what it throws is its own request's affair.
void Session::complete(SessionTask& task, grpc::Status outcome) const noexcept {
  try {
    task.complete(std::move(outcome));
  } catch (...) {
    logger_.error("session {}, a request's handler: {}", id_,
                  status_from_current_exception().error_message());
  }
}

void Session::drop(Tasks tasks, const grpc::Status& why) const {
  for (const auto& task : tasks) {
    complete(*task, why);
  }
}

void Session::end_executor(UniqueHandler<void()> on_ended) {
  // The pass goes last: once it is back, the service that all of this refers to may go.
  auto ended = [self = shared_from_this(), alive = std::move(alive_),
                on_ended = std::move(on_ended)]() mutable {
    self->executor_.reset();
    alive.reset();
    on_ended();
  };
  SessionExecutor::EndHandler handler(std::move(ended),
                                      CallingThreadExecutor(logger_, "a session's end"));
  if (!executor_->try_end(handler)) {
    boost::asio::co_spawn(
        coroutines_, executor_->end(),
        [this, handler = std::move(handler)](const std::exception_ptr& error) mutable {
          log_end(error);
          handler();
        });
  }
}

void Session::log_end(const std::exception_ptr& error) const {
  if (const grpc::Status ended = internal::operation_status(error, grpc::Status::OK); !ended.ok()) {
    logger_.error("session {}, its end: {}", id_, ended.error_message());
  }
}

// ------------------------------------------------------------------------------------------- turns

SessionTurn::SessionTurn(std::shared_ptr<Session> session, std::unique_ptr<SessionTask> task)
    : session_(std::move(session)), task_(std::move(task)) {}

SessionTurn::SessionTurn(SessionTurn&& other) noexcept = default;

SessionTurn::~SessionTurn() {
  if (task_ != nullptr) {
    finish(internal_error("The request was dropped without an answer"));
  }
}

void SessionTurn::finish(grpc::Status outcome) noexcept {
  if (task_ != nullptr) {
    const std::shared_ptr<Session> session = std::move(session_);
    session->finish(std::move(task_), std::move(outcome));
  }
}

}  // namespace compiler_gym
