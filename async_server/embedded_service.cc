// A request is an operation on the heap that owns its messages and is counted in a gate, so that a
// drain can wait for the last one. There is no loop and no thread beyond the worker pools.
#include "async_server/embedded_service.h"

#include <atomic>
#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <cassert>
#include <cstdint>
#include <exception>
#include <thread>
#include <vector>

#include "async_server/internal/drain_controller.h"
#include "async_server/internal/request_budget.h"
#include "async_server/internal/rpc_service.h"
#include "async_server/internal/session_workers.h"
#include "context/context_host.h"
#include "core/gate.h"
#include "core/run_on.h"
#include "core/worker_pool.h"
#include "sessions/session_rules.h"

namespace compiler_gym {
namespace {

using boost::asio::awaitable;
using boost::asio::use_awaitable;
using internal::AdmissionClass;
using internal::RpcService;
using internal::RpcThread;

std::size_t worker_count(const EmbeddedServiceOptions& options) {
  if (options.plugin_threads == PluginThreads::kCaller) {
    return 1;
  }
  return internal::worker_count(options.workers);
}

SessionServiceOptions session_options(const EmbeddedServiceOptions& options) {
  SessionServiceOptions sessions = options.sessions;
  if (options.plugin_threads == PluginThreads::kCaller) {
    sessions.on_callers_thread = true;
    sessions.request_timeout = std::chrono::milliseconds(0);  // its timer would need the thread
  }
  return sessions;
}

}  // namespace

class EmbeddedService::Impl {
 public:
  Impl(boost::asio::io_context& io_context, ServicePlugin plugin, EmbeddedServiceOptions options,
       Logger& logger, std::optional<isolated::Zygote> zygote)
      : io_context_(io_context),
        strand_(io_context.get_executor()),
        on_callers_thread_(options.plugin_threads == PluginThreads::kCaller),
        budget_({options.max_requests_in_flight, SIZE_MAX}),
        workers_({.threads = worker_count(options), .name = "step"}, logger),
        start_workers_(make_start_workers(options, logger)),
        context_host_(io_context.get_executor(),
                      plugin.make_context(options.working_directory, options.context),
                      start_workers(), logger),
        service_(plugin.make_session, context_host_, workers_, session_options(options),
                 internal::make_isolated_sessions(io_context, std::move(zygote), options.isolation,
                                                  plugin.program_stamp, workers_, logger)) {
    context_host_.benchmarks().set_max_size_in_bytes(options.context.max_benchmark_cache_bytes);
  }

  ~Impl() {
    assert((state_ == State::kNew || state_ == State::kFinished) &&
           "an embedded service is destroyed after its drain");
  }

  void start(StatusHandler handler);
  void drain(Clock::duration grace, StatusHandler handler);

  template <typename Rpc>
  void submit(typename Rpc::Request request, std::stop_source stop,
              ReplyHandler<typename Rpc::Reply> handler);

  SessionService& service() { return service_; }
  std::size_t requests_in_flight() const { return budget_.in_flight().requests; }

 private:
  enum class State {
    kNew,       // async_start() has not been called
    kStarting,  // the context is being initialised
    kRunning,   // requests are taken
    kDraining,  // none is taken any more
    kFinished,  // all is over
  };

  template <typename Rpc>
  struct Operation;

  static std::unique_ptr<WorkerPool> make_start_workers(const EmbeddedServiceOptions& options,
                                                        Logger& logger) {
    if (options.plugin_threads == PluginThreads::kCaller) {
      return nullptr;
    }
    return std::make_unique<WorkerPool>(
        WorkerPoolOptions{.threads = worker_count(options), .name = "start"}, logger);
  }
  WorkerPool& start_workers() { return start_workers_ == nullptr ? workers_ : *start_workers_; }

  template <typename Rpc>
  void perform(std::unique_ptr<Operation<Rpc>> operation);
  [[nodiscard]] Result<internal::RequestBudget::Share> admit(AdmissionClass admission_class);
  /// True for the one call that ends State::kRunning.
  bool stop_taking_requests() {
    State running = State::kRunning;
    return state_.compare_exchange_strong(running, State::kDraining);
  }
  awaitable<grpc::Status> start_on_strand();
  awaitable<grpc::Status> drain_on_strand();
  void finish_on_strand(grpc::Status status);
  void complete_on_strand(grpc::Status status, StatusHandler handler);

  template <typename Done>
  void spawn(awaitable<grpc::Status> part, Done done) {
    boost::asio::co_spawn(strand_, std::move(part),
                          [done = std::move(done)](const std::exception_ptr& error,
                                                   const grpc::Status& status) mutable {
                            if (error != nullptr) {
                              std::rethrow_exception(error);  // a bug of ours: none throws
                            }
                            done(status);
                          });
  }

  boost::asio::io_context& io_context_;
  boost::asio::strand<boost::asio::io_context::executor_type> strand_;
  const bool on_callers_thread_;
  internal::RequestBudget budget_;

  // Destroyed from the bottom up: sessions before the context, both before the threads they use.
  WorkerPool workers_;
  std::unique_ptr<WorkerPool> start_workers_;  // null: workers_ does that too
  ContextHost context_host_;
  SessionService service_;

  // Written on the strand, but for the end of kRunning.
  std::atomic<State> state_{State::kNew};
  Gate requests_;
  std::stop_source stop_all_;  // triggered at a drain's deadline

  // Touched on the strand only.
  internal::DrainController drain_;
  Timer deadline_{strand_};
  bool requests_done_ = false;
  std::vector<StatusHandler> drain_waiters_;
};

// ---------------------------------------------------------------------------------------- requests

template <typename Rpc>
struct EmbeddedService::Impl::Operation {
  using Request = typename Rpc::Request;
  using Reply = typename Rpc::Reply;

  struct StopOwn {
    std::stop_source stop;
    void operator()() { stop.request_stop(); }
  };

  Operation(Impl& impl, Gate::Pass entered, internal::RequestBudget::Share taken, Request message,
            std::stop_source own_stop, ReplyHandler<Reply> on_reply)
      : pass(std::move(entered)),
        share(std::move(taken)),
        request(std::move(message)),
        stop(std::move(own_stop)),
        stop_with_all(impl.stop_all_.get_token(), StopOwn{stop}),
        handler(std::move(on_reply)),
        io_context(impl.io_context_) {}

  // On the thread that made the request this may be inside the initiating call, which must not run
  // the handler.
  static void complete(std::unique_ptr<Operation> operation, const grpc::Status& status) {
    Operation& completed = *operation;
    completed.status = status;
    if (completed.caller == std::this_thread::get_id()) {
      boost::asio::post(completed.io_context, [operation = std::move(operation)]() mutable {
        deliver(std::move(operation));
      });
    } else {
      deliver(std::move(operation));
    }
  }

  static void deliver(std::unique_ptr<Operation> operation) {
    const Gate::Pass until_handed_over = std::move(operation->pass);  // a drain completes after it
    ReplyHandler<Reply> handler = std::move(operation->handler);
    Result<Reply> result = operation->status.ok() ? Result<Reply>(std::move(operation->reply))
                                                  : Result<Reply>(operation->status);
    operation.reset();  // gives the operation's memory back before the handler starts the next
    handler(std::move(result));
  }

  Gate::Pass pass;  // first, so that it is given back last
  internal::RequestBudget::Share share;
  Request request;
  Reply reply;
  std::stop_source stop;
  std::stop_callback<StopOwn> stop_with_all;
  ReplyHandler<Reply> handler;
  grpc::Status status;
  boost::asio::io_context& io_context;
  const std::thread::id caller = std::this_thread::get_id();
};

Result<internal::RequestBudget::Share> EmbeddedService::Impl::admit(
    AdmissionClass admission_class) {
  switch (state_.load()) {
    case State::kNew:
    case State::kStarting:
      return failed_precondition("async_start() has not completed");
    case State::kRunning:
      return budget_.take(admission_class, 0);
    case State::kDraining:
    case State::kFinished:
      break;
  }
  return shutting_down();
}

template <typename Rpc>
void EmbeddedService::Impl::submit(typename Rpc::Request request, std::stop_source stop,
                                   ReplyHandler<typename Rpc::Reply> handler) {
  Result<internal::RequestBudget::Share> share = admit(RpcService<Rpc>::kAdmission);
  Gate::Pass pass = requests_.try_enter();
  if (share && !pass) {  // a drain has begun meanwhile
    share = shutting_down();
  }
  if (!share) {
    boost::asio::post(io_context_, [status = share.error(),
                                    handler = std::move(handler)]() mutable { handler(status); });
    return;
  }
  auto operation =
      std::make_unique<Operation<Rpc>>(*this, std::move(pass), *std::move(share),
                                       std::move(request), std::move(stop), std::move(handler));
  // Starting sessions is not to hold up steps.
  if (RpcService<Rpc>::kThread == RpcThread::kStartWorker && !on_callers_thread_) {
    boost::asio::post(
        start_workers().executor(),
        [this, operation = std::move(operation)]() mutable { perform(std::move(operation)); });
  } else {
    perform(std::move(operation));
  }
}

template <typename Rpc>
void EmbeddedService::Impl::perform(std::unique_ptr<Operation<Rpc>> operation) {
  Operation<Rpc>& under_way = *operation;
  if constexpr (internal::kAnsweredAtOnce<Rpc>) {
    const auto& answer = RpcService<Rpc>::answer(service_, under_way.reply);
    if (&answer != &under_way.reply) {
      under_way.reply = answer;
    }
    Operation<Rpc>::complete(std::move(operation), grpc::Status::OK);
  } else {
    RpcService<Rpc>::start(service_, under_way.request, under_way.reply, under_way.stop,
                           [operation = std::move(operation)](const grpc::Status& status) mutable {
                             Operation<Rpc>::complete(std::move(operation), status);
                           });
  }
}

// ------------------------------------------------------------------------------- start and drain

void EmbeddedService::Impl::start(StatusHandler handler) {
  boost::asio::dispatch(strand_, [this, handler = std::move(handler)]() mutable {
    if (state_ != State::kNew) {
      handler(failed_precondition("async_start() was called before"));
      return;
    }
    state_ = State::kStarting;
    spawn(start_on_strand(), [this, handler = std::move(handler)](grpc::Status status) mutable {
      complete_on_strand(std::move(status), std::move(handler));
    });
  });
}

awaitable<grpc::Status> EmbeddedService::Impl::start_on_strand() {
  grpc::Status status = co_await context_host_.async_init(use_awaitable);
  if (status.ok() && !drain_.draining()) {
    if (on_callers_thread_) {
      status = service_.load_spaces();
    } else {
      status =
          co_await run_on(start_workers().executor(), [this] { return service_.load_spaces(); });
    }
  }
  if (status.ok() && !drain_.draining()) {
    state_ = State::kRunning;
    co_return status;
  }
  if (status.ok()) {
    status = cancelled("the service was drained before it had started");
  }
  state_ = State::kDraining;
  finish_on_strand(co_await context_host_.async_shutdown(use_awaitable));
  co_return status;
}

// Requests are refused from the call on, whenever the strand has its turn.
void EmbeddedService::Impl::drain(Clock::duration grace, StatusHandler handler) {
  bool began = stop_taking_requests();
  boost::asio::dispatch(strand_, [this, began, grace, handler = std::move(handler)]() mutable {
    began = began || stop_taking_requests();  // it may have been starting
    const State state = state_;
    if (state == State::kNew || state == State::kFinished) {
      complete_on_strand(grpc::Status::OK, std::move(handler));
      return;
    }
    drain_waiters_.push_back(std::move(handler));
    if (drain_.request(Clock::now(), grace)) {
      context_host_.cancel_init();
      deadline_.cancel();  // looks at the new deadline
    }
    if (began) {
      spawn(drain_on_strand(),
            [this](grpc::Status status) { finish_on_strand(std::move(status)); });
    }
  });
}

awaitable<grpc::Status> EmbeddedService::Impl::drain_on_strand() {
  requests_.async_close(boost::asio::bind_executor(strand_, [this] {
    requests_done_ = true;
    deadline_.cancel();
  }));
  while (!requests_done_) {
    if (drain_.overdue(Clock::now())) {
      stop_all_.request_stop();
      deadline_.expires_at(Clock::time_point::max());
    } else {
      deadline_.expires_at(*drain_.deadline());
    }
    co_await deadline_.async_wait(boost::asio::as_tuple(use_awaitable));
  }
  co_await service_.async_end_all(use_awaitable);
  co_return co_await context_host_.async_shutdown(use_awaitable);
}

void EmbeddedService::Impl::finish_on_strand(grpc::Status status) {
  state_ = State::kFinished;
  for (StatusHandler& waiter : std::exchange(drain_waiters_, {})) {
    complete_on_strand(status, std::move(waiter));
  }
}

// Out of the strand, and out of this object: a handler may destroy the service.
void EmbeddedService::Impl::complete_on_strand(grpc::Status status, StatusHandler handler) {
  boost::asio::post(io_context_,
                    [status = std::move(status), handler = std::move(handler)]() mutable {
                      handler(std::move(status));
                    });
}

// -------------------------------------------------------------------------------------- the shell

EmbeddedService::EmbeddedService(boost::asio::io_context& io_context, ServicePlugin plugin,
                                 EmbeddedServiceOptions options, Logger& logger,
                                 std::optional<isolated::Zygote> zygote)
    : executor_(io_context.get_executor()),
      impl_(std::make_unique<Impl>(io_context, std::move(plugin), std::move(options), logger,
                                   std::move(zygote))) {}

EmbeddedService::~EmbeddedService() = default;

void EmbeddedService::start(StatusHandler handler) {
  impl_->start(std::move(handler));
}
void EmbeddedService::drain(Clock::duration grace, StatusHandler handler) {
  impl_->drain(grace, std::move(handler));
}
std::size_t EmbeddedService::session_count() const {
  return impl_->service().session_count();
}
std::size_t EmbeddedService::requests_in_flight() const {
  return impl_->requests_in_flight();
}

template <typename Rpc>
void EmbeddedService::submit(typename Rpc::Request request, std::stop_source stop,
                             ReplyHandler<typename Rpc::Reply> handler) {
  impl_->submit<Rpc>(std::move(request), std::move(stop), std::move(handler));
}

#define COMPILER_GYM_INSTANTIATE(Name, name)                                        \
  template void EmbeddedService::submit<rpc::Name>(Name##Request, std::stop_source, \
                                                   ReplyHandler<Name##Reply>);
COMPILER_GYM_RPCS(COMPILER_GYM_INSTANTIATE, COMPILER_GYM_INSTANTIATE)
#undef COMPILER_GYM_INSTANTIATE

}  // namespace compiler_gym
