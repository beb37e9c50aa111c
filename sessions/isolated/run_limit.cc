#include "sessions/isolated/run_limit.h"

#include <boost/asio/post.hpp>

#include "sessions/session_rules.h"

namespace compiler_gym::isolated {

RunLimit::RunLimit(boost::asio::any_io_executor executor, std::size_t limit,
                   std::chrono::milliseconds patience)
    : executor_(std::move(executor)), queue_(limit, patience), timer_(executor_) {}

void RunLimit::acquire(const RunTicket& ticket, const std::stop_source& stop, Handler handler) {
  std::unique_lock lock(mutex_);
  const RunQueue::Entry entry = queue_.enter(ticket, Clock::now());
  if (entry.may_run) {
    lock.unlock();
    handler(Permit(Grant{shared_from_this(), entry.number}));
    return;
  }
  waiting_.emplace(entry.number, Waiter{ticket, std::move(handler)});
  watch_the_time_locked();
  lock.unlock();
  // May call back at once.
  auto on_stop = std::make_unique<std::stop_callback<OnStop>>(
      stop.get_token(), OnStop{weak_from_this(), entry.number});
  lock.lock();
  if (const auto waiter = waiting_.find(entry.number); waiter != waiting_.end()) {
    waiter->second.on_stop.swap(on_stop);
  }
  lock.unlock();
}

RunLimit::Permit RunLimit::try_acquire(const RunTicket& ticket) {
  const std::lock_guard lock(mutex_);
  const std::optional<RunQueue::Number> number = queue_.try_enter(ticket, Clock::now());
  return number ? Permit(Grant{shared_from_this(), *number}) : Permit();
}

void RunLimit::close() {
  const std::lock_guard lock(mutex_);
  timer_.cancel();
}

void RunLimit::release(RunQueue::Number number) {
  Granted granted;
  {
    const std::lock_guard lock(mutex_);
    granted = take_locked(queue_.finish(number, Clock::now()));
  }
  run(std::move(granted));
}

RunLimit::Granted RunLimit::take_locked(const std::vector<RunQueue::Number>& numbers) {
  Granted granted;
  granted.reserve(numbers.size());
  for (const RunQueue::Number number : numbers) {
    granted.emplace_back(Permit(Grant{shared_from_this(), number}),
                         std::move(waiting_.extract(number).mapped()));
  }
  watch_the_time_locked();
  return granted;
}

void RunLimit::run(Granted granted) {
  for (auto& [permit, waiter] : granted) {
    waiter.on_stop.reset();
    waiter.handler(std::move(permit));
  }
}

void RunLimit::OnStop::operator()() const {
  if (const std::shared_ptr<RunLimit> self = limit.lock()) {
    self->leave(waiter);
  }
}

void RunLimit::leave(RunQueue::Number waiter) {
  const std::lock_guard lock(mutex_);
  const auto waiting = waiting_.find(waiter);
  if (waiting != waiting_.end() && queue_.leave(waiter, waiting->second.ticket)) {
    // Not here: it may be the stop callback that runs this.
    boost::asio::post(executor_,
                      [leaving = std::move(waiting_.extract(waiting).mapped())]() mutable {
                        leaving.on_stop.reset();
                        leaving.handler(cancelled_before_its_turn());
                      });
  }
}

void RunLimit::watch_the_time_locked() {
  timer_.set(queue_.check_at(), [weak = weak_from_this()] {
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
    granted = take_locked(queue_.check(Clock::now()));
  }
  run(std::move(granted));
}

}  // namespace compiler_gym::isolated
