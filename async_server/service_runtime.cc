// start() and stop() below are the life of a service, on a strand: one coroutine each, since an
// io_context does not run dry while there is a coroutine, and an embedded service that has nothing
// to do is not to keep it from that. States and waiters are what lies between them.
#include "async_server/service_runtime.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cassert>
#include <chrono>
#include <exception>
#include <utility>

#include "async_server/internal/admission.h"
#include "async_server/internal/drain.h"
#include "async_server/internal/idle_session_check.h"
#include "async_server/internal/plugin_host.h"
#include "async_server/internal/status_event.h"

namespace compiler_gym {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

awaitable<grpc::Status> ServiceFront::prepare() {
  co_return grpc::Status::OK;
}
awaitable<grpc::Status> ServiceFront::open() {
  co_return grpc::Status::OK;
}
awaitable<void> ServiceFront::close() {
  co_return;
}

class ServiceRuntime::Impl {
 public:
  Impl(boost::asio::io_context& io_context, ServicePlugin plugin,
       const ServiceRuntimeOptions& options, ServiceFront& front, Logger& logger,
       std::optional<isolated::Zygote> zygote)
      : strand_(io_context.get_executor()),
        logger_(logger),
        front_(front),
        host_(io_context, std::move(plugin), options, logger, std::move(zygote)),
        admission_({options.max_requests_in_flight, options.max_bytes_in_flight}),
        started_(io_context),
        ready_(io_context),
        ended_(io_context),
        drain_(strand_),
        idle_check_(strand_, options.session_ttl, host_.sessions(), logger) {}

  ~Impl() {
    assert((state_ == State::kNew || state_ == State::kEnded) &&
           "a service is destroyed when its drain, or its failed start, is over");
  }

  void run(StatusHandler handler);
  void wait_started(StatusHandler handler);
  void wait_ready(StatusHandler handler);
  void wait_ended(StatusHandler handler);
  void drain(Clock::duration grace, StatusHandler handler);

  internal::PluginHost& host() { return host_; }
  internal::Admission& admission() { return admission_; }

 private:
  enum class State {
    kNew,       // async_run() has not been called
    kStarting,  // start() is running, whether or not a drain was asked for meanwhile
    kServing,   // the front is open
    kStopping,  // stop() is running on its own
    kEnded,     // all is over
  };

  // With the outcome if that was all.
  awaitable<std::optional<grpc::Status>> start();
  awaitable<grpc::Status> make_ready();
  awaitable<grpc::Status> stop(grpc::Status outcome);
  void drain_on_strand(Clock::duration grace);
  void end_on_strand(grpc::Status outcome);
  void complete(StatusHandler handler, grpc::Status status);

  template <typename Result, typename Done>
  void spawn(awaitable<Result> part, Done done) {
    boost::asio::co_spawn(
        strand_, std::move(part),
        [done = std::move(done)](const std::exception_ptr& error, Result result) mutable {
          if (error != nullptr) {
            std::rethrow_exception(error);  // a bug of ours: none throws
          }
          done(std::move(result));
        });
  }

  boost::asio::strand<boost::asio::io_context::executor_type> strand_;
  Logger& logger_;
  ServiceFront& front_;
  internal::PluginHost host_;
  internal::Admission admission_;

  // Touched on the strand only.
  State state_ = State::kNew;
  StatusHandler run_handler_;
  internal::StatusEvent started_;  // set when it is known whether the service can be reached
  internal::StatusEvent ready_;    // set when it serves, or when a start that failed is over
  internal::StatusEvent ended_;
  internal::Drain drain_;
  internal::IdleSessionCheck idle_check_;
};

// ------------------------------------------------------------------------------------------- start

awaitable<std::optional<grpc::Status>> ServiceRuntime::Impl::start() {
  grpc::Status status = co_await make_ready();
  if (status.ok() && !drain_.requested()) {
    state_ = State::kServing;
    started_.set(status);
    ready_.set(status);
    idle_check_.start();
    co_return std::nullopt;
  }
  const bool asked_for =
      drain_.requested() && (status.ok() || status.error_code() == grpc::StatusCode::CANCELLED);
  started_.set(asked_for ? cancelled("the service was drained before it served") : status);
  co_return co_await stop(asked_for ? grpc::Status::OK : status);
}

// What needs no context comes first: that may take long to initialise.
awaitable<grpc::Status> ServiceRuntime::Impl::make_ready() {
  grpc::Status status = co_await front_.prepare();
  if (!status.ok()) {
    logger_.error("start failed: {}", to_string(status));
    co_return status;
  }
  if (drain_.requested()) {
    co_return status;
  }
  logger_.info("starting: context init");
  status = co_await host_.context_host().async_init(use_awaitable);
  if (!status.ok()) {
    logger_.error("context init failed: {}", to_string(status));
  }
  if (!status.ok() || drain_.requested()) {
    co_return status;
  }
  status = co_await host_.load_spaces();
  if (status.ok()) {
    admission_.open();
    status = co_await front_.open();
  }
  if (!status.ok()) {
    logger_.error("start failed: {}", to_string(status));
  }
  co_return status;
}

// ------------------------------------------------------------------------------------------- drain

awaitable<grpc::Status> ServiceRuntime::Impl::stop(grpc::Status outcome) {
  admission_.refuse();
  co_await idle_check_.stop();
  if (admission_.is_open()) {   // then the front is, or has tried to
    if (!drain_.requested()) {  // a start that failed half-way: nobody is being served
      drain_.request(Clock::duration::zero());
    }
    co_await drain_.finish_calls(front_, admission_, host_.sessions(), logger_);
  }
  co_await host_.end_sessions();
  const grpc::Status shutdown = co_await host_.context_host().async_shutdown(use_awaitable);
  front_.stopped();
  outcome = outcome.ok() ? shutdown : outcome;
  logger_.info("stopped: {}", to_string(outcome));
  co_return outcome;
}

// ----------------------------------------------------------------------- what the outside asks for

void ServiceRuntime::Impl::run(StatusHandler handler) {
  boost::asio::dispatch(strand_, [this, handler = std::move(handler)]() mutable {
    if (state_ != State::kNew) {
      if (handler) {
        complete(std::move(handler), failed_precondition("async_run() was called before"));
      }
      return;
    }
    state_ = State::kStarting;
    run_handler_ = std::move(handler);
    spawn(start(), [this](std::optional<grpc::Status> outcome) {
      if (outcome) {
        end_on_strand(*std::move(outcome));
      }
    });
  });
}

void ServiceRuntime::Impl::wait_started(StatusHandler handler) {
  boost::asio::dispatch(strand_, [this, handler = std::move(handler)]() mutable {
    started_.wait(std::move(handler));
  });
}

void ServiceRuntime::Impl::wait_ready(StatusHandler handler) {
  boost::asio::dispatch(
      strand_, [this, handler = std::move(handler)]() mutable { ready_.wait(std::move(handler)); });
}

void ServiceRuntime::Impl::wait_ended(StatusHandler handler) {
  boost::asio::dispatch(
      strand_, [this, handler = std::move(handler)]() mutable { ended_.wait(std::move(handler)); });
}

// Requests are refused from the call on, whenever the strand has its turn.
void ServiceRuntime::Impl::drain(Clock::duration grace, StatusHandler handler) {
  if (admission_.is_open()) {
    admission_.refuse();
  }
  boost::asio::dispatch(strand_, [this, grace, handler = std::move(handler)]() mutable {
    if (state_ == State::kNew || state_ == State::kEnded) {
      complete(std::move(handler), grpc::Status::OK);
      return;
    }
    ended_.wait(std::move(handler));
    drain_on_strand(grace);
  });
}

void ServiceRuntime::Impl::drain_on_strand(Clock::duration grace) {
  const bool first = !drain_.requested();
  if (drain_.request(grace)) {
    logger_.info("drain: {}, running requests have {} ms",
                 first ? "begins" : "deadline brought nearer",
                 std::chrono::duration_cast<std::chrono::milliseconds>(grace).count());
  }
  admission_.refuse();  // it may have been starting
  host_.context_host().cancel_init();
  if (state_ == State::kServing) {
    state_ = State::kStopping;
    spawn(stop(grpc::Status::OK),
          [this](grpc::Status outcome) { end_on_strand(std::move(outcome)); });
  }
}

void ServiceRuntime::Impl::end_on_strand(grpc::Status outcome) {
  state_ = State::kEnded;
  if (!ready_.is_set()) {
    ready_.set(started_.status());
  }
  if (run_handler_) {
    ended_.wait(std::move(run_handler_));  // after those who asked for a drain
  }
  ended_.set(std::move(outcome));  // from here on `this` may be gone
}

// Neither inside of the call nor on the strand.
void ServiceRuntime::Impl::complete(StatusHandler handler, grpc::Status status) {
  boost::asio::post(strand_.get_inner_executor(),
                    [handler = std::move(handler), status = std::move(status)]() mutable {
                      handler(std::move(status));
                    });
}

// --------------------------------------------------------------------------------------- the shell

ServiceRuntime::ServiceRuntime(boost::asio::io_context& io_context, ServicePlugin plugin,
                               ServiceRuntimeOptions options, ServiceFront& front, Logger& logger,
                               std::optional<isolated::Zygote> zygote)
    : executor_(io_context.get_executor()),
      impl_(std::make_unique<Impl>(io_context, std::move(plugin), options, front, logger,
                                   std::move(zygote))) {}

ServiceRuntime::~ServiceRuntime() = default;

ContextHost& ServiceRuntime::context_host() {
  return impl_->host().context_host();
}
SessionService& ServiceRuntime::sessions() {
  return impl_->host().sessions();
}
WorkerPool& ServiceRuntime::start_workers() {
  return impl_->host().start_workers();
}
internal::Admission& ServiceRuntime::admission() {
  return impl_->admission();
}
std::size_t ServiceRuntime::session_count() const {
  return impl_->host().session_count();
}
void ServiceRuntime::run(StatusHandler handler) {
  impl_->run(std::move(handler));
}
void ServiceRuntime::wait_started(StatusHandler handler) {
  impl_->wait_started(std::move(handler));
}
void ServiceRuntime::wait_ready(StatusHandler handler) {
  impl_->wait_ready(std::move(handler));
}
void ServiceRuntime::start() {
  impl_->run({});
}
void ServiceRuntime::wait_ended(StatusHandler handler) {
  impl_->wait_ended(std::move(handler));
}
void ServiceRuntime::drain(Clock::duration grace, StatusHandler handler) {
  impl_->drain(grace, std::move(handler));
}

}  // namespace compiler_gym
