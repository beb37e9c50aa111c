#include "sessions/isolated/run_queue.h"

namespace compiler_gym::isolated {

RunQueue::Entry RunQueue::enter(Clock::time_point now) {
  const Number number = ++last_number_;
  const bool may_run = running_.size() < limit_;
  if (may_run) {
    running_.push_back({number, now});
  } else {
    waiting_.insert(number);
  }
  return {number, may_run};
}

std::vector<RunQueue::Number> RunQueue::finish(Number number, Clock::time_point now) {
  if (std::erase_if(running_, [&](const Running& one) { return one.number == number; }) == 0) {
    std::erase(overdue_, number);
  }
  return admit(now);
}

std::vector<RunQueue::Number> RunQueue::check(Clock::time_point now) {
  if (check_at() <= now) {
    overdue_.push_back(running_.front().number);
    running_.erase(running_.begin());
  }
  return admit(now);
}

Clock::time_point RunQueue::check_at() const {
  if (waiting_.empty()) {
    return Clock::time_point::max();
  }
  // Somebody waits only while as many run as may.
  return running_.front().since + patience_ * (1 + overdue_.size() / limit_);
}

std::vector<RunQueue::Number> RunQueue::admit(Clock::time_point now) {
  std::vector<Number> admitted;
  while (running_.size() < limit_ && !waiting_.empty()) {
    const Number next = *waiting_.begin();
    waiting_.erase(waiting_.begin());
    running_.push_back({next, now});
    admitted.push_back(next);
  }
  return admitted;
}

}  // namespace compiler_gym::isolated
