#include "sessions/isolated/run_limit.h"

#include <algorithm>
#include <boost/asio/post.hpp>

#include "sessions/session_rules.h"

namespace compiler_gym::isolated {

RunLimit::RunLimit(boost::asio::any_io_executor executor, std::size_t limit,
                   std::chrono::milliseconds patience)
    : executor_(std::move(executor)), limit_(limit), patience_(patience), timer_(executor_) {}

void RunLimit::acquire(const std::stop_source& stop, Handler handler) {
  std::unique_lock lock(mutex_);
  const std::uint64_t number = ++last_number_;
  if (running_.size() < limit_) {
    running_.push_back({number, Clock::now()});
    lock.unlock();
    handler(Permit(Grant{shared_from_this(), number}));
    return;
  }
  waiting_.emplace(number, Waiter{std::move(handler)});
  watch_the_time_locked();
  lock.unlock();
  // May call back at once.
  auto on_stop = std::make_unique<std::stop_callback<OnStop>>(stop.get_token(),
                                                              OnStop{weak_from_this(), number});
  lock.lock();
  if (const auto waiter = waiting_.find(number); waiter != waiting_.end()) {
    waiter->second.on_stop.swap(on_stop);
  }
  lock.unlock();
}

void RunLimit::close() {
  const std::lock_guard lock(mutex_);
  timer_.cancel();
}

void RunLimit::release(std::uint64_t number) {
  Granted granted;
  {
    const std::lock_guard lock(mutex_);
    if (std::erase_if(running_, [&](const Running& one) { return one.number == number; }) == 0) {
      std::erase(overdue_, number);
    }
    granted = grant_locked();
  }
  run(std::move(granted));
}

RunLimit::Granted RunLimit::grant_locked() {
  Granted granted;
  while (running_.size() < limit_ && !waiting_.empty()) {
    auto next = waiting_.extract(waiting_.begin());
    running_.push_back({next.key(), Clock::now()});
    granted.emplace_back(next.key(), std::move(next.mapped()));
  }
  watch_the_time_locked();
  return granted;
}

void RunLimit::run(Granted granted) {
  for (auto& [number, waiter] : granted) {
    waiter.on_stop.reset();
    waiter.handler(Permit(Grant{shared_from_this(), number}));
  }
}

// ---------------------------------------------------------------------------- cancelled while waiting

void RunLimit::OnStop::operator()() const {
  if (const std::shared_ptr<RunLimit> self = limit.lock()) {
    self->leave(waiter);
  }
}

void RunLimit::leave(std::uint64_t waiter) {
  const std::lock_guard lock(mutex_);
  if (auto leaving = waiting_.extract(waiter)) {
    // Not here: it may be the stop callback that runs this.
    boost::asio::post(executor_, [leaving = std::move(leaving.mapped())]() mutable {
      leaving.on_stop.reset();
      leaving.handler(cancelled_before_its_turn());
    });
  }
}

// ------------------------------------------------------------------------ running beyond the patience

Clock::time_point RunLimit::impatient_at_locked() const {
  return running_.front().since + patience_ * (1 + overdue_.size() / limit_);
}

void RunLimit::watch_the_time_locked() {
  if (waiting_.empty()) {
    return;
  }
  timer_.set(impatient_at_locked(), [weak = weak_from_this()] {
    if (const auto self = weak.lock()) {
      self->on_time();
    }
  });
}

void RunLimit::on_time() {
  Granted granted;
  {
    const std::lock_guard lock(mutex_);
    timer_.woken();
    if (!waiting_.empty() && impatient_at_locked() <= Clock::now()) {
      overdue_.push_back(running_.front().number);
      running_.erase(running_.begin());
    }
    granted = grant_locked();
  }
  run(std::move(granted));
}

}  // namespace compiler_gym::isolated
