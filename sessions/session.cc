#include "sessions/session.h"

#include <fmt/core.h>

#include <boost/asio/post.hpp>
#include <utility>
#include <vector>

#include "core/status.h"

namespace compiler_gym {

using internal::SessionTask;
using internal::TaskQueue;

Session::Session(Id id, std::unique_ptr<CompilationSession> plugin, Gate::Pass alive,
                 WorkerPool& workers, std::size_t max_queued_tasks)
    : id_(id),
      workers_(workers),
      alive_(std::move(alive)),
      plugin_(std::move(plugin)),
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
  for (auto& abandoned : dropped) {
    abandoned->drop(cancelled("Cancelled while waiting for its turn"));
    abandoned->complete();
  }
  switch (admission) {
    case TaskQueue::Admission::kRun:
      post_to_worker(std::move(task));
      return;
    case TaskQueue::Admission::kWait:
      return;
    case TaskQueue::Admission::kFull:
      task->drop(resource_exhausted(
          fmt::format("Session {}: {} requests are waiting already, the limit is {}", id_,
                      tasks_.max_waiting(), tasks_.max_waiting())));
      break;
    case TaskQueue::Admission::kEnded:
      task->drop(not_found(fmt::format("Session not found: {}", id_)));
      break;
  }
  task->complete();
}

void Session::end(UniqueHandler<void()> on_ended) {
  std::vector<std::unique_ptr<SessionTask>> dropped;
  std::stop_source running_stop{std::nostopstate};
  bool destroy_now = false;
  {
    const std::lock_guard lock(mutex_);
    if (!tasks_.ended()) {
      dropped = tasks_.end();
      destroy_now = !tasks_.running();
      running_stop = running_stop_;
    }
  }
  running_stop.request_stop();
  for (auto& task : dropped) {
    task->drop(cancelled(fmt::format("Session {} was ended", id_)));
    task->complete();
  }
  if (destroy_now) {
    boost::asio::post(workers_.executor(),
                      [self = shared_from_this(), on_ended = std::move(on_ended)]() mutable {
                        self->destroy_plugin_on_worker();
                        on_ended();
                      });
  } else {
    on_ended();
  }
}

bool Session::end_if_idle_since(Clock::time_point cutoff) {
  {
    const std::lock_guard lock(mutex_);
    if (tasks_.ended() || tasks_.running() || last_used_ > cutoff) {
      return false;
    }
    static_cast<void>(tasks_.end());  // idle, so nothing waits
  }
  boost::asio::post(workers_.executor(),
                    [self = shared_from_this()] { self->destroy_plugin_on_worker(); });
  return true;
}

void Session::post_to_worker(std::unique_ptr<SessionTask> task) {
  boost::asio::post(workers_.executor(),
                    [self = shared_from_this(), task = std::move(task)]() mutable {
                      self->run_on_worker(std::move(task));
                    });
}

void Session::run_on_worker(std::unique_ptr<SessionTask> task) {
  if (task->stop().stop_requested()) {
    task->drop(cancelled("Cancelled while waiting for its turn"));
  } else {
    task->run(*plugin_);
  }

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
    post_to_worker(std::move(next));
  }
  if (ended) {
    destroy_plugin_on_worker();
  }
  task->complete();
}

void Session::destroy_plugin_on_worker() {
  plugin_.reset();
  Gate::Pass().swap(alive_);
}

}  // namespace compiler_gym
