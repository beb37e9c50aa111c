#include "sessions/isolated/templates.h"

#include <fmt/core.h>
#include <sys/wait.h>

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <csignal>
#include <exception>
#include <utility>

#include "core/continuation_executor.h"

namespace compiler_gym::isolated {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

namespace {

// What a client hears if a benchmark can't be loaded. A program that crashes the compiler does so
// every time, and clients try again after any other status than INVALID_ARGUMENT.
grpc::Status loading_error(const Benchmark& benchmark, const SandboxReply& reply) {
  if (!reply.sandbox_lost) {
    return reply.status;
  }
  const std::string text = fmt::format("Benchmark \"{}\" can't be loaded: {}", benchmark.uri(),
                                       reply.status.error_message());
  const bool killed = WIFSIGNALED(reply.how_lost) && WTERMSIG(reply.how_lost) == SIGKILL;
  if (reply.never_began || reply.how_lost == kEndUnknown) {
    return unavailable(text);  // it has not seen the benchmark, or died with its zygote
  }
  const bool crashed = reply.status.error_code() == grpc::StatusCode::DATA_LOSS && !killed;
  return crashed ? invalid_argument(text) : grpc::Status(reply.status.error_code(), text);
}

template <typename Value>
grpc::Status status_of(const Result<Value>& result) {
  return result ? grpc::Status::OK : result.error();
}

}  // namespace

Templates::Templates(std::shared_ptr<SandboxHost> host, WorkerPool& workers,
                     std::shared_ptr<RunLimit> run_limit, TemplatesOptions options)
    : host_(std::move(host)),
      workers_(workers),
      run_limit_(std::move(run_limit)),
      options_(std::move(options)),
      strand_(host_->executor()),
      scheduler_(options_.max_templates, options_.recycle) {}

void Templates::fork(TemplateKey key, const RunTicket& ticket, std::stop_source stop,
                     ForkHandler handler) {
  Waiter waiter{.ticket = ticket, .stop = std::move(stop), .handler = std::move(handler)};
  on_strand([key = std::move(key), waiter = std::move(waiter)](Templates& self) mutable {
    self.enter_on_strand(key, std::move(waiter));
  });
}

void Templates::close() {
  on_strand([](Templates& self) {
    self.perform_on_strand(self.scheduler_.close());
    for (auto& [number, being_reset] : self.recycled_) {
      being_reset.stop_reset.request_stop();
    }
  });
}

void Templates::enter_on_strand(const TemplateKey& key, Waiter waiter) {
  const WaiterId id = ++last_waiter_;
  const std::stop_token token = waiter.stop.get_token();
  Waiter& kept = waiters_.emplace(id, std::move(waiter)).first->second;
  // May call back at once, which only posts.
  kept.on_stop = std::make_unique<std::stop_callback<OnStop>>(token, OnStop{weak_from_this(), id});
  perform_on_strand(scheduler_.enter(id, kept.ticket.client, key));
}

void Templates::leave_on_strand(WaiterId waiter) {
  if (const auto found = waiters_.find(waiter); found != waiters_.end()) {
    perform_on_strand(scheduler_.leave(waiter, found->second.ticket.client));
  }
}

void Templates::OnStop::operator()() const {
  if (const std::shared_ptr<Templates> self = templates.lock()) {
    self->on_strand([id = waiter](Templates& locked) { locked.leave_on_strand(id); });
  }
}

void Templates::perform_on_strand(const TemplateScheduler::Actions& actions,
                                  Result<Forked> forked) {
  for (const TemplateAction& action : actions) {
    switch (action.kind) {
      case TemplateAction::Kind::kLoad:
        spawn_on_strand(
            load_on_strand(shared_from_this(), action.of, waiters_.at(action.waiter).ticket));
        break;
      case TemplateAction::Kind::kStopLoading:
        templates_[action.of].stop_loading.request_stop();
        break;
      case TemplateAction::Kind::kFork:
        spawn_on_strand(fork_on_strand(shared_from_this(), action.of, action.waiter,
                                       std::exchange(templates_.at(action.of).permit, {})));
        break;
      case TemplateAction::Kind::kRelease:
        templates_.erase(action.of);
        break;
      case TemplateAction::Kind::kComplete:
        complete_on_strand(action.waiter,
                           action.status.ok() ? std::move(forked) : Result<Forked>(action.status));
        break;
      case TemplateAction::Kind::kReset:
        spawn_on_strand(reset_on_strand(shared_from_this(), action.sandbox));
        break;
      case TemplateAction::Kind::kReuse:
        reuse_on_strand(action);
        break;
      case TemplateAction::Kind::kEnd:
        end_on_strand(action);
        break;
      case TemplateAction::Kind::kNoRoom:
        tell_room_on_strand(action.waiter, false);
        break;
    }
  }
  publish_figures_on_strand();
}

void Templates::spawn_on_strand(awaitable<void> operation) {
  boost::asio::co_spawn(
      strand_, std::move(operation),
      [self = shared_from_this()](const std::exception_ptr& error) { self->log(error); });
}

// Out of memory, or a bug.
void Templates::log(const std::exception_ptr& error) const {
  try {
    if (error != nullptr) {
      std::rethrow_exception(error);
    }
  } catch (...) {
    host_->logger().error("templates: {}", status_from_current_exception().error_message());
  }
}

awaitable<void> Templates::load_on_strand(std::shared_ptr<Templates> self, TemplateId of,
                                          RunTicket ticket) {
  // Made by an operation of its own, which is not bound to the strand.
  const std::stop_source stop = (templates_[of] = Template()).stop_loading;
  const boost::asio::any_io_executor anywhere = ContinuationExecutor(&host_->executor());
  auto [error, loaded] =
      co_await boost::asio::co_spawn(anywhere, load_sandbox(self, scheduler_.key(of), ticket, stop),
                                     boost::asio::as_tuple(use_awaitable));
  if (error != nullptr) {
    log(error);
    loaded = unavailable("A benchmark can't be loaded");  // and another time perhaps it can
  }
  if (const auto found = templates_.find(of); found != templates_.end() && loaded) {
    found->second.sandbox = std::move(loaded->sandbox);
    found->second.permit = std::move(loaded->permit);
  }
  perform_on_strand(scheduler_.on_loaded(of, status_of(loaded)));
  if (const auto found = templates_.find(of); found != templates_.end()) {
    found->second.permit.reset();  // nobody wanted it any more
  }
}

awaitable<Result<Templates::Forked>> Templates::load_sandbox(std::shared_ptr<Templates> /*self*/,
                                                             TemplateKey key, RunTicket ticket,
                                                             std::stop_source stop) {
  Result<RunLimit::Permit> permit = co_await run_limit_->async_acquire(ticket, stop, use_awaitable);
  if (!permit) {
    co_return permit.error();
  }
  StartSessionRequest request;
  for (bool retried = false;; retried = true) {
    Result<Sandbox> sandbox = co_await spawn_sandbox();
    while (!sandbox) {
      grpc::Status room = co_await async_make_room(sandbox.error(), *permit, ticket, stop);
      if (!room.ok()) {
        co_return room;
      }
      sandbox = co_await spawn_sandbox();
    }
    // A large program takes a while to write out.
    co_await boost::asio::post(workers_.executor(), use_awaitable);
    if (!request.has_benchmark()) {
      *request.mutable_benchmark() = *key.benchmark;
      request.set_action_space(key.action_space);
    }
    const SandboxReply reply =
        co_await (*sandbox)->async_request(SandboxOperation::kInit, request, stop, use_awaitable);
    if (reply.status.ok()) {
      if (reply.message == kRecyclable) {
        (*sandbox)->allow_recycling();
      }
      co_return Forked{*std::move(sandbox), *std::move(permit)};
    }
    if (retried || !reply.lost_with_zygote()) {
      co_return loading_error(*key.benchmark, reply);
    }
  }
}

awaitable<Result<Templates::Sandbox>> Templates::spawn_sandbox() {
  Result<SandboxHost::Spawned> spawned = co_await host_->async_spawn(use_awaitable);
  if (!spawned) {
    co_return spawned.error();
  }
  co_return SandboxChannel::make(host_, *std::move(spawned), workers_, options_.timeouts);
}

awaitable<void> Templates::fork_on_strand(std::shared_ptr<Templates> self, TemplateId of,
                                          WaiterId waiter, RunLimit::Permit permit) {
  // Its turn has come: from here on the fork is what its stop source ends.
  Waiter& served = waiters_.at(waiter);
  served.on_stop.reset();
  Result<Forked> forked = co_await fork_sandbox(std::move(self), templates_.at(of).sandbox,
                                                served.ticket, std::move(permit), served.stop);
  counted_.forked += forked ? 1 : 0;
  const TemplateScheduler::Actions actions = scheduler_.on_forked(of, status_of(forked));
  perform_on_strand(actions, std::move(forked));
}

awaitable<Result<Templates::Forked>> Templates::fork_sandbox(std::shared_ptr<Templates> /*self*/,
                                                             Sandbox sandbox, RunTicket ticket,
                                                             RunLimit::Permit permit,
                                                             std::stop_source stop) {
  if (!permit) {
    Result<RunLimit::Permit> granted =
        co_await run_limit_->async_acquire(ticket, stop, use_awaitable);
    if (!granted) {
      co_return granted.error();
    }
    permit = *std::move(granted);
  }
  for (;;) {
    const Result<Sandbox> forked = co_await sandbox->async_fork(stop, use_awaitable);
    if (forked) {
      co_return Forked{*forked, std::move(permit)};
    }
    grpc::Status room = co_await async_make_room(forked.error(), permit, ticket, stop);
    if (!room.ok()) {
      co_return room;
    }
  }
}

// Out of the strand: the handler is not ours.
void Templates::complete_on_strand(WaiterId waiter, Result<Forked> forked) {
  const auto done = waiters_.extract(waiter);
  done.mapped().on_stop.reset();
  boost::asio::post(host_->executor(),
                    [handler = std::move(done.mapped().handler),
                     forked = std::move(forked)]() mutable { handler(std::move(forked)); });
}

}  // namespace compiler_gym::isolated
