// How sandboxes whose sessions have ended come to serve others.
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <utility>

#include "sessions/isolated/sandbox_process.h"
#include "sessions/isolated/templates.h"

namespace compiler_gym::isolated {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

void Templates::recycle(TemplateKey key, ClientId client, Sandbox sandbox) {
  on_strand([key = std::move(key), client, sandbox = std::move(sandbox)](Templates& self) mutable {
    const SandboxNumber number = ++self.last_recycled_;
    const TemplateScheduler::Actions actions = self.scheduler_.on_session_end(number, key);
    self.recycled_.emplace(
        number, Recycled{.key = std::move(key), .client = client, .sandbox = std::move(sandbox)});
    self.perform_on_strand(actions);
  });
}

// Nobody waits for it, or hears how it went.
awaitable<void> Templates::reset_on_strand(std::shared_ptr<Templates> self, SandboxNumber number) {
  const Recycled& begun = recycled_.at(number);
  Result<Reset> reset = co_await reset_sandbox(std::move(self), begun.key, begun.client,
                                               begun.sandbox, begun.stop_reset);
  std::optional<ResetReport> report;
  if (reset) {
    report = reset->report;
    recycled_.at(number).permit = std::move(reset->permit);
  }
  perform_on_strand(scheduler_.on_reset(number, report));
  if (const auto idle = recycled_.find(number); idle != recycled_.end()) {
    idle->second.permit.reset();
  }
}

awaitable<Result<Templates::Reset>> Templates::reset_sandbox(std::shared_ptr<Templates> /*self*/,
                                                             TemplateKey key, ClientId client,
                                                             Sandbox sandbox,
                                                             std::stop_source stop) {
  const RunTicket ticket{.kind = RunTicket::Kind::kStart, .client = client};
  Result<RunLimit::Permit> permit = co_await run_limit_->async_acquire(ticket, stop, use_awaitable);
  if (!permit) {
    co_return permit.error();
  }
  const SandboxReply reply = co_await sandbox->async_request(
      SandboxOperation::kReset, StartSessionRequest::default_instance(), stop, use_awaitable);
  if (!reply.status.ok()) {
    co_return reply.status;
  }
  const std::optional<ResetReport> report = reset_report(reply.message);
  if (!report) {
    co_return internal_error("A sandbox process sent what can't be parsed");
  }
  // It has loaded what there is now; whether that is what there was can be seen afterwards only.
  if (!key.program_stamp.empty()) {
    co_await boost::asio::post(workers_.executor(), use_awaitable);
    if (options_.program_stamp(*key.benchmark) != key.program_stamp) {
      co_return failed_precondition("The program has changed");
    }
  }
  co_return Reset{*report, *std::move(permit)};
}

// One that is idle may have died, or be about to, of what was done to all of them: a session that is brought
// back, as its own process has died, would be lost for good if this one died as well.
void Templates::reuse_on_strand(const TemplateAction& action) {
  Recycled reused = std::move(recycled_.extract(action.sandbox).mapped());
  if (reused.permit) {  // it has just said so
    ++counted_.reused;
    complete_on_strand(action.waiter, Forked{std::move(reused.sandbox), std::move(reused.permit)});
  } else {
    spawn_on_strand(hand_over_on_strand(shared_from_this(), action.waiter, std::move(reused)));
  }
}

awaitable<void> Templates::hand_over_on_strand(std::shared_ptr<Templates> /*self*/, WaiterId waiter,
                                               Recycled reused) {
  const Waiter& served = waiters_.at(waiter);
  RunLimit::Permit permit = run_limit_->try_acquire(served.ticket);
  if (!permit) {
    Result<RunLimit::Permit> granted =
        co_await run_limit_->async_acquire(served.ticket, served.stop, use_awaitable);
    if (!granted) {
      complete_on_strand(waiter, granted.error());
      co_return;
    }
    permit = *std::move(granted);
  }
  const std::stop_source never;
  const SandboxReply alive = co_await reused.sandbox->async_request(
      SandboxOperation::kPing, StartSessionRequest::default_instance(), never, use_awaitable);
  if (alive.status.ok()) {
    ++counted_.reused;
    publish_figures_on_strand();
    complete_on_strand(waiter, Forked{std::move(reused.sandbox), std::move(permit)});
  } else {
    ++counted_.discarded;
    permit.reset();
    perform_on_strand(scheduler_.on_found_dead(waiter, served.ticket.client, reused.key));
  }
}

void Templates::end_on_strand(const TemplateAction& action) {
  const Sandbox ended = std::move(recycled_.extract(action.sandbox).mapped().sandbox);
  ++counted_.discarded;
  if (action.waiter == 0) {
    return;  // its destructor ends it
  }
  auto on_ended = [self = shared_from_this(), room_for = action.waiter] {
    self->on_strand([room_for](Templates& locked) { locked.tell_room_on_strand(room_for, true); });
  };
  ended->end(UniqueHandler<void()>(std::move(on_ended), host_->here("a sandbox's end")));
}

awaitable<grpc::Status> Templates::async_make_room(grpc::Status want, RunLimit::Permit& permit,
                                                   RunTicket ticket, std::stop_source stop) {
  if (want.error_code() != grpc::StatusCode::RESOURCE_EXHAUSTED) {
    co_return want;
  }
  permit.reset();
  const bool ended = co_await async_end_idle(use_awaitable);
  if (!ended) {
    co_return want;
  }
  Result<RunLimit::Permit> granted =
      co_await run_limit_->async_acquire(ticket, std::move(stop), use_awaitable);
  if (!granted) {
    co_return granted.error();
  }
  permit = *std::move(granted);
  co_return grpc::Status::OK;
}

void Templates::end_idle(RoomHandler handler) {
  on_strand([handler = std::move(handler)](Templates& self) mutable {
    const WaiterId id = ++self.last_waiter_;
    self.want_room_.emplace(id, std::move(handler));
    self.perform_on_strand(self.scheduler_.make_room(id));
  });
}

// Out of the strand, as the waiters for forks.
void Templates::tell_room_on_strand(WaiterId waiter, bool room) {
  boost::asio::post(host_->executor(), [handler = std::move(want_room_.extract(waiter).mapped()),
                                        room]() mutable { handler(room); });
}

void Templates::publish_figures_on_strand() {
  counted_.idle = scheduler_.idle().idle();
  counted_.idle_bytes = scheduler_.idle().idle_bytes();
  const std::lock_guard lock(mutex_);
  figures_ = counted_;
}

RecycleFigures Templates::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

}  // namespace compiler_gym::isolated
