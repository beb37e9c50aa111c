// How a server lives: live() below is the whole story, from context init to context shutdown, as
// one coroutine on a strand. What happens beside it - accept loops, the deadline of a drain, the
// search for idle sessions - is spawned by it and counted in a gate, so that nothing is left when
// it ends.
//
// Why the order of a drain is what it is:
//  - grpc::Server::Shutdown() refuses new calls at once, but blocks until the running ones are
//    answered: it has a thread of its own, because on the thread that reads the queue it would wait
//    for itself.
//  - It is given no deadline, since gRPC could not bring one nearer when a second signal comes. The
//    deadline is a timer of ours, at which gRPC cancels all calls; their stop sources then end the
//    steps, and the answers go nowhere.
//  - It also waits for the connections of clients that have nothing under way to be told goodbye,
//    which an idle Python client notices after seconds and a stopped one never. So once no call
//    runs, the connections are cut.
//  - Calls re-armed after a completion queue's shutdown are lost in silence, so the queue is shut
//    down when every accept loop and every call has left the gate, and read until it is empty.
#include "async_server/server.h"

#include <fmt/core.h>
#include <fmt/ranges.h>
#include <grpc/grpc.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <algorithm>
#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/experimental/awaitable_operators.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <exception>
#include <mutex>
#include <optional>
#include <utility>

#include "async_server/internal/access.h"
#include "async_server/internal/drain_controller.h"
#include "async_server/internal/incoming_call.h"
#include "async_server/internal/listener.h"
#include "async_server/internal/reply_budget.h"
#include "async_server/internal/request_budget.h"
#include "async_server/internal/rpc_handlers.h"
#include "async_server/internal/service_files.h"
#include "async_server/internal/session_workers.h"
#include "async_server/internal/stream_server.h"
#include "async_server/internal/wire_service.h"
#include "context/context_host.h"
#include "core/completion_queue_pump.h"
#include "core/gate.h"
#include "core/run_on.h"
#include "core/support/status.h"
#include "core/worker_pool.h"
#include "sessions/session_rules.h"

namespace compiler_gym {
namespace {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

awaitable<void> wait(Timer& timer) {
  co_await timer.async_wait(boost::asio::as_tuple(use_awaitable));  // expiry and cancel alike
}

}  // namespace

class Server::Impl {
 public:
  Impl(boost::asio::io_context& io_context, ServicePlugin plugin, ServerOptions options,
       Logger& logger, std::optional<isolated::Zygote> zygote)
      : io_context_(io_context),
        strand_(io_context.get_executor()),
        options_(std::move(options)),
        logger_(logger),
        budget_({options_.max_requests_in_flight, options_.max_bytes_in_flight}),
        replies_({options_.max_requests_in_flight, options_.max_unread_bytes}),
        step_workers_({.threads = internal::worker_count(options_.workers), .name = "step"},
                      logger),
        start_workers_({.threads = internal::worker_count(options_.workers), .name = "start"},
                       logger),
        context_host_(io_context.get_executor(),
                      plugin.make_context(options_.working_directory, options_.context),
                      start_workers_, logger),
        service_(std::move(plugin.make_session), context_host_, step_workers_, options_.sessions,
                 internal::make_isolated_sessions(io_context, std::move(zygote), options_.isolation,
                                                  std::move(plugin.program_stamp), step_workers_,
                                                  logger)),
        handlers_(service_, start_workers_, logger),
        stream_handlers_(service_, start_workers_, logger),
        streams_(stream_handlers_, access_, budget_, start_workers_, logger, options_.streams) {
    context_host_.benchmarks().set_max_size_in_bytes(options_.context.max_benchmark_cache_bytes);
  }

  ~Impl() {
    assert(state_ != State::kRunning && "a server is destroyed after async_run() completed");
  }

  awaitable<grpc::Status> live();
  void run(StatusHandler handler);
  void wait_started(StatusHandler handler);
  void drain(std::optional<Clock::duration> grace, StatusHandler handler);

  std::vector<std::string> addresses() const {
    const std::lock_guard lock(announced_mutex_);
    return addresses_;
  }
  int port() const { return port_.load(); }
  std::shared_ptr<grpc::Channel> in_process_channel();
  std::size_t session_count() const {
    const std::int64_t left = sessions_left_.load();
    return left >= 0 ? static_cast<std::size_t>(left) : service_.session_count();
  }
  std::size_t requests_in_flight() const { return budget_.in_flight().requests; }
  std::size_t unread_bytes() const { return replies_.on_their_way().bytes; }
  std::uint64_t unread_replies_given_up() const { return replies_.given_up(); }

 private:
  enum class State {
    kNew,       // async_run() has not been called
    kRunning,   // from async_run() to its completion
    kFinished,  // all is over
  };

  awaitable<grpc::Status> prepare();
  awaitable<grpc::Status> start();
  grpc::Status build();
  void spawn_accept_loops();
  awaitable<void> accept_loop(const internal::UnaryMethod& method);
  grpc::Status admit(const internal::UnaryMethod& method, internal::IncomingCall& call);
  awaitable<void> accept_streams();
  awaitable<void> serve_stream(std::shared_ptr<internal::StreamCall> stream);
  awaitable<void> end_idle_sessions();
  awaitable<void> stop_serving();
  awaitable<void> refuse_and_finish_calls();
  awaitable<void> enforce_deadline();
  void drain_on_strand(Clock::duration grace);
  void complete_started_on_strand(const grpc::Status& status);
  void finish_on_strand(const grpc::Status& status, StatusHandler handler);

  // Spawns a part of the server: the gate tells when it has ended, and an exception that leaves it
  // is logged.
  template <typename Executor>
  void spawn(const Executor& executor, const char* name, awaitable<void> part) {
    boost::asio::co_spawn(executor, std::move(part),
                          [this, name, pass = gate_.try_enter()](const std::exception_ptr& error) {
                            if (error != nullptr) {
                              try {
                                std::rethrow_exception(error);
                              } catch (...) {
                                logger_.error("{}: {}", name,
                                              to_string(status_from_current_exception()));
                              }
                            }
                          });
  }

  boost::asio::io_context& io_context_;
  boost::asio::strand<boost::asio::io_context::executor_type> strand_;
  const ServerOptions options_;
  Logger& logger_;

  internal::Access access_;  // as asked for once its files are read, before anything listens
  internal::RequestBudget budget_;
  internal::ReplyBudget replies_;

  // Destroyed from the bottom up: calls before sessions, sessions before the context, all before
  // the threads they use.
  WorkerPool step_workers_;
  WorkerPool start_workers_;
  ContextHost context_host_;
  SessionService service_;
  internal::RpcHandlers<internal::IncomingCall> handlers_;
  internal::RpcHandlers<internal::StreamedRequest> stream_handlers_;
  internal::StreamServer streams_;
  internal::WireService wire_service_;
  internal::WireStream wire_stream_;
  std::unique_ptr<CompletionQueuePump> pump_;
  grpc::ServerCompletionQueue* queue_ = nullptr;  // the pump's
  std::unique_ptr<grpc::Server> grpc_server_;     // before its queue
  Gate pump_running_;
  Gate running_calls_;                 // calls that were accepted
  Gate gate_;                          // calls, and what spawn() started
  std::atomic<bool> draining_{false};  // what accept loops look at

  mutable std::mutex announced_mutex_;
  grpc::Server* reachable_ = nullptr;  // while it takes calls
  std::vector<std::string> addresses_;
  std::atomic<int> port_{0};
  std::atomic<std::int64_t> sessions_left_{-1};  // set once no request can change it any more

  // Touched on the strand only.
  State state_ = State::kNew;
  bool serving_ = false;
  std::optional<grpc::Status> started_;  // set when it is known whether the service can be reached
  std::vector<StatusHandler> started_waiters_;
  std::vector<StatusHandler> drain_waiters_;
  internal::DrainController drain_;
  bool no_call_runs_ = false;    // draining, and every call that was accepted is answered
  bool calls_finished_ = false;  // gRPC has shut down, and the queue is empty
  Timer drain_requested_{strand_, Clock::time_point::max()};  // cancelled when a drain is asked for
  Timer deadline_{strand_};
  Timer idle_check_{strand_};
};

// ---------------------------------------------------------------------------------- the whole life

awaitable<grpc::Status> Server::Impl::live() {
  grpc::Status status = co_await prepare();
  if (status.ok() && !drain_.draining()) {
    status = co_await start();
  }
  if (status.ok() && !drain_.draining()) {
    serving_ = true;
    logger_.info("serving on {}", fmt::join(addresses(), ", "));
    complete_started_on_strand(status);
    if (options_.session_ttl.count() > 0) {
      spawn(strand_, "idle session check", end_idle_sessions());
    }
    co_await wait(drain_requested_);
  } else {
    const bool asked_for =
        drain_.draining() && (status.ok() || status.error_code() == grpc::StatusCode::CANCELLED);
    complete_started_on_strand(asked_for ? cancelled("the server was drained before it served")
                                         : status);
    if (asked_for) {
      status = grpc::Status::OK;
    }
  }
  co_await stop_serving();
  const grpc::Status shutdown_status = co_await context_host_.async_shutdown(use_awaitable);
  grpc_server_.reset();
  logger_.info("stopped: {}", to_string(status.ok() ? shutdown_status : status));
  co_return status.ok() ? shutdown_status : status;
}

// ------------------------------------------------------------------------------------------- start

// What needs no context comes first: that may take long to initialise.
awaitable<grpc::Status> Server::Impl::prepare() {
  const Result<internal::Access> access = co_await run_on(start_workers_.executor(), [this] {
    return internal::Access::load(options_.access, options_.listen);
  });
  if (!access) {
    logger_.error("start failed: {}", to_string(access.error()));
    co_return access.error();
  }
  access_ = *access;
  logger_.info("starting: context init");
  grpc::Status status = co_await context_host_.async_init(use_awaitable);
  if (!status.ok()) {
    logger_.error("context init failed: {}", to_string(status));
  }
  co_return status;
}

awaitable<grpc::Status> Server::Impl::start() {
  grpc::Status status =
      co_await run_on(start_workers_.executor(), [this] { return service_.load_spaces(); });
  if (status.ok()) {
    status = co_await run_on(start_workers_.executor(), [this] { return build(); });
  }
  if (!status.ok()) {
    logger_.error("start failed: {}", to_string(status));
    co_return status;
  }
  pump_->async_run([pass = pump_running_.try_enter()] {});
  spawn_accept_loops();
  if (options_.write_service_files && port() != 0) {
    status = co_await run_on(start_workers_.executor(), [this] {
      return internal::write_service_files(options_.working_directory, port());
    });
  }
  co_return status;
}

grpc::Status Server::Impl::build() {
  grpc::ServerBuilder builder;
  builder.RegisterService(&wire_service_);
  builder.RegisterService(&wire_stream_);
  auto queue = builder.AddCompletionQueue();
  queue_ = queue.get();
  pump_ = std::make_unique<CompletionQueuePump>(
      io_context_, std::move(queue), CompletionQueuePumpOptions{.max_wait = options_.max_wait});
  Result<internal::Listener> listener = internal::start_listening(builder, options_, access_);
  if (!listener) {
    return listener.error();
  }
  grpc_server_ = std::move(listener->server);
  port_ = listener->port;
  const std::lock_guard lock(announced_mutex_);
  reachable_ = grpc_server_.get();
  addresses_ = std::move(listener->addresses);
  return grpc::Status::OK;
}

void Server::Impl::spawn_accept_loops() {
  for (int slot = 0; slot < options_.slots_per_method; ++slot) {
    for (const internal::UnaryMethod& method : internal::unary_methods()) {
      spawn(pump_->executor(), "accept loop", accept_loop(method));
    }
    spawn(pump_->executor(), "accept loop", accept_streams());
  }
}

// One of a method's slots. The handler returns at once, so that the slot is armed again before the
// work is done.
awaitable<void> Server::Impl::accept_loop(const internal::UnaryMethod& method) {
  for (;;) {
    internal::IncomingCall::Ptr call =
        internal::IncomingCall::make(gate_.try_enter(), replies_, method.cancellable);
    const bool accepted =
        co_await call->async_accept(wire_service_, method.accept, *pump_, *queue_, use_awaitable);
    if (!accepted) {
      co_return;  // the server is shutting down
    }
    call->accepted(running_calls_.try_enter());
    if (const grpc::Status admitted = admit(method, *call); !admitted.ok()) {
      internal::IncomingCall::finish(std::move(call), admitted);
      continue;
    }
    try {
      (handlers_.*method.handle)(std::move(call));
    } catch (...) {
      logger_.error("request handler: {}", to_string(status_from_current_exception()));
    }
  }
}

// What can be said of a call without looking into its request.
grpc::Status Server::Impl::admit(const internal::UnaryMethod& method,
                                 internal::IncomingCall& call) {
  if (draining_) {
    return shutting_down();
  }
  if (grpc::Status allowed = access_.check(call.rpc_context()); !allowed.ok()) {
    return allowed;
  }
  Result<internal::RequestBudget::Share> share =
      budget_.take(method.admission_class, call.request_bytes());
  if (!share) {
    return share.error();
  }
  call.keep(*std::move(share));
  return grpc::Status::OK;
}

awaitable<void> Server::Impl::accept_streams() {
  for (;;) {
    auto stream =
        std::make_shared<internal::StreamCall>(gate_.try_enter(), replies_, options_.streams);
    const bool accepted =
        co_await stream->async_accept(wire_stream_, *pump_, *queue_, use_awaitable);
    if (!accepted) {
      co_return;  // the server is shutting down
    }
    stream->accepted(running_calls_.try_enter());
    spawn(pump_->executor(), "stream", serve_stream(std::move(stream)));
  }
}

awaitable<void> Server::Impl::serve_stream(std::shared_ptr<internal::StreamCall> stream) {
  co_await streams_.serve(std::move(stream), *pump_);
}

awaitable<void> Server::Impl::end_idle_sessions() {
  const Clock::duration ttl = options_.session_ttl;
  while (!drain_.draining()) {
    idle_check_.expires_after(std::max<Clock::duration>(ttl / 4, std::chrono::milliseconds(1)));
    co_await wait(idle_check_);
    if (const std::size_t ended = service_.end_idle_sessions(ttl); ended > 0) {
      logger_.info("ended {} sessions idle for {} ms", ended, options_.session_ttl.count());
    }
  }
}

// ------------------------------------------------------------------------------------------- drain

awaitable<void> Server::Impl::stop_serving() {
  using boost::asio::experimental::awaitable_operators::operator&&;
  draining_ = true;
  streams_.drain();
  {
    const std::lock_guard lock(announced_mutex_);
    reachable_ = nullptr;
  }
  if (pump_ != nullptr) {
    if (!drain_.draining()) {  // a start that failed half-way: nobody is being served
      drain_.request(Clock::now(), Clock::duration::zero());
    }
    co_await (refuse_and_finish_calls() && enforce_deadline());
  }
  sessions_left_ = static_cast<std::int64_t>(service_.session_count());
  co_await service_.async_end_all(use_awaitable);
}

awaitable<void> Server::Impl::refuse_and_finish_calls() {
  if (grpc_server_ != nullptr) {
    WorkerPool shutdown_thread({.threads = 1, .name = "grpc-shutdown"}, logger_);
    co_await run_on(shutdown_thread.executor(), [this] { grpc_server_->Shutdown(); });
  }
  co_await gate_.async_close(use_awaitable);
  pump_->shutdown();
  co_await pump_running_.async_close(use_awaitable);
  calls_finished_ = true;
  deadline_.cancel();
}

awaitable<void> Server::Impl::enforce_deadline() {
  constexpr auto kRepeatInterval = std::chrono::milliseconds(10);
  running_calls_.async_close(boost::asio::bind_executor(strand_, [this, pass = gate_.try_enter()] {
    no_call_runs_ = true;
    deadline_.cancel();
  }));
  bool announced = false;
  while (!calls_finished_) {
    const Clock::time_point now = Clock::now();
    if (!no_call_runs_ && !drain_.overdue(now)) {
      deadline_.expires_at(*drain_.deadline());
    } else {
      if (!no_call_runs_ && !announced) {
        announced = true;
        logger_.info("drain: the deadline has passed, cancelling what still runs");
        // First what waits behind it: of two calls that are cancelled, gRPC tells in either order, so
        // a step could take the turn of the one before it and run after all.
        service_.drop_waiting();
      }
      if (grpc_server_ != nullptr) {
        // Again and again: a connection made before the listener closed may bring calls that the
        // first time missed.
        grpc_server_cancel_all_calls(grpc_server_->c_server());
      }
      deadline_.expires_at(now + kRepeatInterval);
    }
    co_await wait(deadline_);
  }
}

// ----------------------------------------------------------------------- what the outside asks for

void Server::Impl::run(StatusHandler handler) {
  boost::asio::dispatch(strand_, [this, handler = std::move(handler)]() mutable {
    if (state_ != State::kNew) {
      handler(failed_precondition("async_run() was called before"));
      return;
    }
    state_ = State::kRunning;
    boost::asio::co_spawn(
        strand_, live(),
        [this, handler = std::move(handler)](const std::exception_ptr& error,
                                             grpc::Status status) mutable {
          if (error != nullptr) {
            std::rethrow_exception(error);  // a bug of ours: live() does not throw
          }
          finish_on_strand(status, std::move(handler));
        });
  });
}

void Server::Impl::wait_started(StatusHandler handler) {
  boost::asio::dispatch(strand_, [this, handler = std::move(handler)]() mutable {
    if (started_.has_value()) {
      handler(*started_);
    } else {
      started_waiters_.push_back(std::move(handler));
    }
  });
}

void Server::Impl::drain(std::optional<Clock::duration> grace, StatusHandler handler) {
  boost::asio::dispatch(strand_, [this, grace, handler = std::move(handler)]() mutable {
    if (state_ != State::kRunning) {
      if (handler) {
        handler(grpc::Status::OK);
      }
      return;
    }
    if (handler) {
      drain_waiters_.push_back(std::move(handler));
    }
    drain_on_strand(grace.value_or(options_.drain_grace));
  });
}

std::shared_ptr<grpc::Channel> Server::Impl::in_process_channel() {
  const std::lock_guard lock(announced_mutex_);
  return reachable_ == nullptr ? nullptr : reachable_->InProcessChannel(grpc::ChannelArguments());
}

void Server::Impl::drain_on_strand(Clock::duration grace) {
  const bool first = !drain_.draining();
  if (!drain_.request(Clock::now(), grace)) {
    return;
  }
  draining_ = true;  // before anybody is told
  streams_.drain();
  logger_.info("drain: {}, running requests have {} ms",
               first ? "begins" : "deadline brought nearer",
               std::chrono::duration_cast<std::chrono::milliseconds>(grace).count());
  context_host_.cancel_init();
  drain_requested_.expires_at(Clock::time_point::min());
  idle_check_.cancel();
  deadline_.cancel();  // looks at the new deadline
}

void Server::Impl::complete_started_on_strand(const grpc::Status& status) {
  started_ = status;
  for (StatusHandler& waiter : std::exchange(started_waiters_, {})) {
    waiter(status);
  }
}

void Server::Impl::finish_on_strand(const grpc::Status& status, StatusHandler handler) {
  state_ = State::kFinished;
  // Out of the strand, and out of this object: a handler may destroy the server.
  boost::asio::post(io_context_, [status, handler = std::move(handler),
                                  waiters = std::exchange(drain_waiters_, {})]() mutable {
    for (StatusHandler& waiter : waiters) {
      waiter(status);
    }
    handler(status);
  });
}

// --------------------------------------------------------------------------------------- the shell

Server::Server(boost::asio::io_context& io_context, ServicePlugin plugin, ServerOptions options,
               Logger& logger, std::optional<isolated::Zygote> zygote)
    : executor_(io_context.get_executor()),
      impl_(std::make_unique<Impl>(io_context, std::move(plugin), std::move(options), logger,
                                   std::move(zygote))) {}

Server::~Server() = default;

void Server::run(StatusHandler handler) {
  impl_->run(std::move(handler));
}
void Server::wait_started(StatusHandler handler) {
  impl_->wait_started(std::move(handler));
}
void Server::drain() {
  impl_->drain(std::nullopt, {});
}
void Server::drain(Clock::duration grace, StatusHandler handler) {
  impl_->drain(grace, std::move(handler));
}
std::vector<std::string> Server::addresses() const {
  return impl_->addresses();
}
int Server::port() const {
  return impl_->port();
}
std::shared_ptr<grpc::Channel> Server::in_process_channel() {
  return impl_->in_process_channel();
}
std::size_t Server::session_count() const {
  return impl_->session_count();
}
std::size_t Server::requests_in_flight() const {
  return impl_->requests_in_flight();
}
std::size_t Server::unread_bytes() const {
  return impl_->unread_bytes();
}
std::uint64_t Server::unread_replies_given_up() const {
  return impl_->unread_replies_given_up();
}

}  // namespace compiler_gym
