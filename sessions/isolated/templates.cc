#include "sessions/isolated/templates.h"

#include <fmt/core.h>
#include <sys/wait.h>

#include <algorithm>
#include <boost/asio/post.hpp>
#include <csignal>
#include <utility>

#include "sessions/session_rules.h"

namespace compiler_gym::isolated {
namespace {

// What a client hears if a benchmark can't be loaded. A program that crashes the compiler does so
// every time, and clients try again after any other status than INVALID_ARGUMENT.
grpc::Status loading_error(const Benchmark& benchmark, const SandboxReply& reply) {
  if (!reply.sandbox_lost) {
    return reply.status;
  }
  const std::string text = fmt::format("Benchmark \"{}\" can't be loaded: {}", benchmark.uri(),
                                       reply.status.error_message());
  const bool killed = reply.how_lost == kEndUnknown ||
                      (WIFSIGNALED(reply.how_lost) && WTERMSIG(reply.how_lost) == SIGKILL);
  const bool crashed = reply.status.error_code() == grpc::StatusCode::DATA_LOSS && !killed;
  return crashed ? invalid_argument(text) : grpc::Status(reply.status.error_code(), text);
}

}  // namespace

Templates::Templates(std::shared_ptr<SandboxHost> host, WorkerPool& workers,
                     SandboxTimeouts timeouts, std::size_t max_templates)
    : host_(std::move(host)),
      workers_(workers),
      timeouts_(timeouts),
      max_templates_(max_templates),
      strand_(host_->executor()) {}

template <typename Function>
void Templates::on_strand(Function function) {
  boost::asio::post(strand_, [self = shared_from_this(), function = std::move(function)]() mutable {
    function(*self);
  });
}

void Templates::fork(TemplateKey key, std::stop_source stop,
                     SandboxChannel::ChannelHandler handler) {
  Waiter waiter{.stop = std::move(stop), .handler = std::move(handler)};
  on_strand([key = std::move(key), waiter = std::move(waiter)](Templates& self) mutable {
    self.fork_on_strand(std::move(key), std::move(waiter));
  });
}

void Templates::close() {
  on_strand([](Templates& self) {
    self.closed_ = true;
    self.templates_.clear();
  });
}

void Templates::fork_on_strand(TemplateKey key, Waiter waiter) {
  if (closed_) {
    complete(std::move(waiter), shutting_down());
    return;
  }
  const TemplatePtr of = find_or_add_on_strand(std::move(key));
  waiter.number = ++last_waiter_;
  const std::stop_token token = waiter.stop.get_token();
  of->waiting.push_back(std::move(waiter));
  // May call back at once, which only posts.
  of->waiting.back().on_stop = std::make_unique<std::stop_callback<OnStop>>(
      token, OnStop{weak_from_this(), of, last_waiter_});
  serve_next_on_strand(of);
}

Templates::TemplatePtr Templates::find_or_add_on_strand(TemplateKey key) {
  const auto found = std::ranges::find(
      templates_, key, [](const auto& one) -> const TemplateKey& { return one->key; });
  if (found != templates_.end()) {
    templates_.splice(templates_.begin(), templates_, found);
    return templates_.front();
  }
  templates_.push_front(std::make_shared<Template>(Template{.key = std::move(key)}));
  evict_on_strand();
  return templates_.front();
}

// Those in use stay, over the bound for a while.
void Templates::evict_on_strand() {
  auto one = templates_.end();
  while (templates_.size() > max_templates_ && one != std::next(templates_.begin())) {
    --one;
    if (!(*one)->busy && (*one)->waiting.empty()) {
      one = templates_.erase(one);
    }
  }
}

// -------------------------------------------------------------------------------------- loading

void Templates::load_on_strand(const TemplatePtr& loading) {
  loading->busy = true;
  loading->stop_loading = std::stop_source();
  host_->spawn(SandboxHost::SpawnHandler(
      [self = shared_from_this(), loading](Result<SandboxHost::Spawned> spawned) {
        self->on_spawned(loading, std::move(spawned));
      }));
}

void Templates::on_spawned(const TemplatePtr& loading, Result<SandboxHost::Spawned> spawned) {
  Result<std::shared_ptr<SandboxChannel>> sandbox =
      spawned ? SandboxChannel::make(host_, *std::move(spawned), workers_, timeouts_)
              : Result<std::shared_ptr<SandboxChannel>>(spawned.error());
  if (!sandbox) {
    on_strand([loading, sandbox = std::move(sandbox)](Templates& self) {
      self.on_loaded_on_strand(loading, sandbox);
    });
    return;
  }
  auto on_reply = [self = shared_from_this(), loading,
                   sandbox = *sandbox](const SandboxReply& reply) {
    Result<std::shared_ptr<SandboxChannel>> loaded = sandbox;
    if (!reply.status.ok()) {
      loaded = loading_error(*loading->key.benchmark, reply);
    }
    self->on_strand([loading, loaded = std::move(loaded)](Templates& templates) {
      templates.on_loaded_on_strand(loading, loaded);
    });
  };
  // A large program takes a while to write out.
  boost::asio::post(workers_.executor(), [loading, sandbox = *std::move(sandbox),
                                          on_reply = std::move(on_reply)]() mutable {
    StartSessionRequest request;
    *request.mutable_benchmark() = *loading->key.benchmark;
    request.set_action_space(loading->key.action_space);
    sandbox->request(SandboxOperation::kInit, request, loading->stop_loading,
                     SandboxChannel::ReplyHandler(std::move(on_reply)));
  });
}

void Templates::on_loaded_on_strand(const TemplatePtr& loaded,
                                    Result<std::shared_ptr<SandboxChannel>> sandbox) {
  loaded->busy = false;
  if (sandbox) {
    loaded->sandbox = *std::move(sandbox);
    serve_next_on_strand(loaded);
    evict_on_strand();
    return;
  }
  if (sandbox.error().error_code() == grpc::StatusCode::CANCELLED && !loaded->waiting.empty()) {
    load_on_strand(loaded);  // for who came when the last one had just left
    return;
  }
  templates_.remove(loaded);
  for (Waiter& waiter : std::exchange(loaded->waiting, {})) {
    complete(std::move(waiter), sandbox.error());
  }
}

// -------------------------------------------------------------------------------------- forking

void Templates::serve_next_on_strand(const TemplatePtr& of) {
  if (of->busy || of->waiting.empty()) {
    return;
  }
  if (of->sandbox == nullptr) {
    load_on_strand(of);
    return;
  }
  of->busy = true;
  Waiter waiter = std::move(of->waiting.front());
  of->waiting.pop_front();
  waiter.on_stop.reset();
  const std::stop_source stop = waiter.stop;
  of->sandbox->fork(
      stop,
      SandboxChannel::ChannelHandler([self = shared_from_this(), of, waiter = std::move(waiter)](
                                         Result<std::shared_ptr<SandboxChannel>> sandbox) mutable {
        self->on_strand([of, waiter = std::move(waiter),
                         sandbox = std::move(sandbox)](Templates& templates) mutable {
          templates.on_forked_on_strand(of, std::move(waiter), std::move(sandbox));
        });
      }));
}

void Templates::on_forked_on_strand(const TemplatePtr& of, Waiter waiter,
                                    Result<std::shared_ptr<SandboxChannel>> sandbox) {
  of->busy = false;
  // The template itself has died, or hangs: of nothing that this session did.
  const bool lost =
      !sandbox && (sandbox.error().error_code() == grpc::StatusCode::DATA_LOSS ||
                   sandbox.error().error_code() == grpc::StatusCode::DEADLINE_EXCEEDED);
  if (lost) {
    of->sandbox.reset();
  }
  if (lost && !waiter.retried) {
    waiter.retried = true;
    of->waiting.push_front(std::move(waiter));
  } else {
    complete(std::move(waiter), std::move(sandbox));
  }
  serve_next_on_strand(of);
  evict_on_strand();
}

// Out of the strand: the handler is not ours.
void Templates::complete(Waiter waiter, Result<std::shared_ptr<SandboxChannel>> sandbox) {
  waiter.on_stop.reset();
  boost::asio::post(host_->executor(),
                    [handler = std::move(waiter.handler), sandbox = std::move(sandbox)]() mutable {
                      handler(std::move(sandbox));
                    });
}

void Templates::OnStop::operator()() const {
  const std::shared_ptr<Templates> self = templates.lock();
  if (self != nullptr) {
    self->on_strand([weak = from, number = waiter](Templates& locked) {
      if (const TemplatePtr left = weak.lock()) {
        locked.leave_on_strand(left, number);
      }
    });
  }
}

void Templates::leave_on_strand(const TemplatePtr& from, std::uint64_t waiter) {
  const auto found = std::ranges::find(from->waiting, waiter, &Waiter::number);
  if (found == from->waiting.end()) {
    return;  // its turn came meanwhile
  }
  Waiter leaving = std::move(*found);
  from->waiting.erase(found);
  complete(std::move(leaving), cancelled_before_its_turn());
  if (from->sandbox == nullptr && from->waiting.empty()) {
    from->stop_loading.request_stop();
  }
}

}  // namespace compiler_gym::isolated
