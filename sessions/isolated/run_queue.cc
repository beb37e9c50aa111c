#include "sessions/isolated/run_queue.h"

namespace compiler_gym::isolated {

std::optional<RunQueue::Number> RunQueue::try_enter(Clock::time_point now) {
  if (running_.size() >= limit_) {
    return std::nullopt;
  }
  running_.push_back({++last_number_, now});
  return last_number_;
}

RunQueue::Entry RunQueue::enter(Clock::time_point now) {
  if (const std::optional<Number> number = try_enter(now)) {
    return {*number, true};
  }
  waiting_.insert(++last_number_);
  return {last_number_, false};
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
