#include "sessions/session.h"

#include <fmt/core.h>

#include <utility>
#include <vector>

#include "core/support/status.h"
#include "sessions/session_rules.h"

namespace compiler_gym {

using internal::SessionTask;
using internal::TaskQueue;

namespace {

void drop(std::vector<std::unique_ptr<SessionTask>> tasks, const grpc::Status& why) {
  for (auto& task : tasks) {
    task->drop(why);
    task->complete();
  }
}

}  // namespace

Session::Session(Id id, std::unique_ptr<SessionExecutor> executor, SessionOrigin origin,
                 Gate::Pass alive, std::size_t max_queued_tasks)
    : id_(id),
      alive_(std::move(alive)),
      executor_(std::move(executor)),
      origin_(std::move(origin)),
      tasks_(max_queued_tasks),
      last_used_(Clock::now()) {}

Session::~Session() = default;

void Session::submit(std::unique_ptr<SessionTask> task) {
  std::vector<std::unique_ptr<SessionTask>> dropped;
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
  switch (admission) {
    case TaskQueue::Admission::kRun:
      run(std::move(task));
      return;
    case TaskQueue::Admission::kWait:
      return;
    case TaskQueue::Admission::kFull:
      task->drop(resource_exhausted(
          fmt::format("Session {}: {} requests are waiting already, the limit is {}", id_,
                      tasks_.max_waiting(), tasks_.max_waiting())));
      break;
    case TaskQueue::Admission::kClosed:
      task->drop(shutting_down());
      break;
    case TaskQueue::Admission::kEnded:
      task->drop(session_not_found(id_));
      break;
  }
  task->complete();
}

void Session::close() {
  std::vector<std::unique_ptr<SessionTask>> dropped;
  {
    const std::lock_guard lock(mutex_);
    dropped = tasks_.close();
  }
  drop(std::move(dropped), shutting_down());
}

void Session::end(UniqueHandler<void()> on_ended) {
  std::vector<std::unique_ptr<SessionTask>> dropped;
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
  std::vector<std::unique_ptr<SessionTask>> dropped;
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
  end_executor(UniqueHandler<void()>([] {}));
  return true;
}

void Session::run(std::unique_ptr<SessionTask> task) {
  SessionTask& running = *task;
  running.run(*this,
              UniqueHandler<void()>([self = shared_from_this(), task = std::move(task)]() mutable {
                self->finish(std::move(task));
              }));
}

void Session::finish(std::unique_ptr<SessionTask> task) {
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
    end_executor(UniqueHandler<void()>([task = std::move(task)] { task->complete(); }));
    return;
  }
  task->complete();
}

void Session::end_executor(UniqueHandler<void()> on_ended) {
  executor_->end(
      UniqueHandler<void()>([self = shared_from_this(), on_ended = std::move(on_ended)]() mutable {
        self->executor_.reset();
        self->alive_.reset();
        on_ended();
      }));
}

}  // namespace compiler_gym
