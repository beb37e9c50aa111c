#include "sessions/internal/time_limit.h"

#include <fmt/core.h>

namespace compiler_gym::internal {

std::string time_limit_passed(std::chrono::milliseconds limit) {
  return fmt::format("the time limit of {} ms has passed", limit.count());
}

TimeLimit::TimeLimit(const boost::asio::any_io_executor& executor, std::chrono::milliseconds limit)
    : limit_(limit), timer_(executor) {}

std::stop_source TimeLimit::begin() {
  const std::lock_guard lock(mutex_);
  running_.emplace();
  passed_ = false;
  deadline_ = Clock::now() + limit_;
  watch_locked();
  return *running_;
}

bool TimeLimit::end() {
  const std::lock_guard lock(mutex_);
  running_.reset();
  return passed_;
}

void TimeLimit::explain(grpc::Status& status) const {
  if (status.error_code() == grpc::StatusCode::CANCELLED) {
    status = deadline_exceeded(time_limit_passed(limit_) + ": " + status.error_message());
  }
}

void TimeLimit::watch_locked() {
  timer_.set(deadline_, [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->check();
    }
  });
}

void TimeLimit::check() {
  std::optional<std::stop_source> late;
  {
    const std::lock_guard lock(mutex_);
    timer_.woken();
    if (!running_) {
      return;
    }
    if (Clock::now() < deadline_) {
      watch_locked();
      return;
    }
    // A client that left first has its own status.
    passed_ = !running_->stop_requested();
    late = running_;
  }
  late->request_stop();
}

}  // namespace compiler_gym::internal
