#include "sessions/task_queue.h"

#include <algorithm>
#include <cassert>
#include <iterator>
#include <utility>

namespace compiler_gym::internal {

TaskQueue::Admission TaskQueue::submit(std::unique_ptr<SessionTask>& task,
                                       std::vector<std::unique_ptr<SessionTask>>& abandoned) {
  if (ended_) {
    return Admission::kEnded;
  }
  if (closed_) {
    return Admission::kClosed;
  }
  if (!running_) {
    running_ = true;
    return Admission::kRun;
  }
  if (waiting_.size() >= max_waiting_ && !task->ends_session()) {
    const auto first_abandoned = std::stable_partition(
        waiting_.begin(), waiting_.end(),
        [](const auto& waiting) { return !waiting->stop().stop_requested(); });
    abandoned.insert(abandoned.end(), std::make_move_iterator(first_abandoned),
                     std::make_move_iterator(waiting_.end()));
    waiting_.erase(first_abandoned, waiting_.end());
    if (waiting_.size() >= max_waiting_) {
      return Admission::kFull;
    }
  }
  waiting_.push_back(std::move(task));
  return Admission::kWait;
}

std::unique_ptr<SessionTask> TaskQueue::finish() {
  assert(running_ && "finish() follows a task that ran");
  if (waiting_.empty()) {
    running_ = false;
    return nullptr;
  }
  std::unique_ptr<SessionTask> next = std::move(waiting_.front());
  waiting_.pop_front();
  return next;
}

std::vector<std::unique_ptr<SessionTask>> TaskQueue::end() {
  ended_ = true;
  return close();
}

std::vector<std::unique_ptr<SessionTask>> TaskQueue::close() {
  closed_ = true;
  std::vector<std::unique_ptr<SessionTask>> dropped(std::make_move_iterator(waiting_.begin()),
                                                    std::make_move_iterator(waiting_.end()));
  waiting_.clear();
  return dropped;
}

}  // namespace compiler_gym::internal
