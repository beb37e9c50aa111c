#include "context/context_host.h"

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <cassert>
#include <exception>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym {
namespace {

// The end of a spawned coroutine: an exception that left it becomes its status.
grpc::Status outcome(std::exception_ptr error, grpc::Status status) {
  if (error == nullptr) {
    return status;
  }
  try {
    std::rethrow_exception(std::move(error));
  } catch (...) {
    return status_from_current_exception();
  }
}

// Makes the call inside a coroutine, so that an override which throws before it returns one, not being a coroutine
// itself, is treated like any other.
boost::asio::awaitable<grpc::Status> call(
    CompilerGymServiceContext& context,
    boost::asio::awaitable<grpc::Status> (CompilerGymServiceContext::*override)(WorkerPool&),
    WorkerPool& workers) {
  co_return co_await (context.*override)(workers);
}

}  // namespace

ContextHost::ContextHost(boost::asio::any_io_executor executor,
                         std::unique_ptr<CompilerGymServiceContext> context, WorkerPool& workers,
                         Logger& logger)
    : executor_(std::move(executor)),
      workers_(workers),
      logger_(logger),
      context_(std::move(context)) {
  context_->strand_ = boost::asio::make_strand(executor_);
}

ContextHost::~ContextHost() {
  const ContextState state = state_.load();
  assert((state == ContextState::kNew || state == ContextState::kShutDown) &&
         "a context that was initialised is shut down before it is destroyed");
  static_cast<void>(state);
}

void ContextHost::init(StatusHandler handler) {
  boost::asio::dispatch(context_->strand_, [this, handler = std::move(handler)]() mutable {
    init_on_strand(std::move(handler));
  });
}

void ContextHost::shutdown(StatusHandler handler) {
  boost::asio::dispatch(context_->strand_, [this, handler = std::move(handler)]() mutable {
    shutdown_on_strand(std::move(handler));
  });
}

void ContextHost::cancel_init() {
  boost::asio::dispatch(context_->strand_, [this] { cancel_init_on_strand(); });
}

void ContextHost::cancel_init_on_strand() {
  if (state_ == ContextState::kInitializing) {
    cancel_init_.emit(boost::asio::cancellation_type::terminal);
  }
}

void ContextHost::init_on_strand(StatusHandler handler) {
  if (state_ != ContextState::kNew) {
    complete(std::move(handler), failed_precondition("the service context was initialised before"));
    return;
  }
  state_ = ContextState::kInitializing;
  boost::asio::co_spawn(
      context_->strand_, call(*context_, &CompilerGymServiceContext::async_init, workers_),
      boost::asio::bind_cancellation_slot(
          cancel_init_.slot(), [this, handler = std::move(handler)](std::exception_ptr error,
                                                                    grpc::Status returned) mutable {
            const grpc::Status status = outcome(std::move(error), std::move(returned));
            state_ = status.ok() ? ContextState::kRunning : ContextState::kInitFailed;
            if (!shutdown_waiters_.empty()) {
              start_shutdown_on_strand();
            }
            complete(std::move(handler), status);
          }));
}

void ContextHost::shutdown_on_strand(StatusHandler handler) {
  switch (state_.load()) {
    case ContextState::kNew:
      state_ = ContextState::kShutDown;
      complete(std::move(handler), grpc::Status::OK);
      break;
    case ContextState::kInitializing:
      shutdown_waiters_.push_back(std::move(handler));
      cancel_init_on_strand();
      break;
    case ContextState::kRunning:
    case ContextState::kInitFailed:
      shutdown_waiters_.push_back(std::move(handler));
      start_shutdown_on_strand();
      break;
    case ContextState::kShuttingDown:
      shutdown_waiters_.push_back(std::move(handler));
      break;
    case ContextState::kShutDown:
      complete(std::move(handler), shutdown_status_);
      break;
  }
}

void ContextHost::start_shutdown_on_strand() {
  state_ = ContextState::kShuttingDown;
  boost::asio::co_spawn(context_->strand_,
                        call(*context_, &CompilerGymServiceContext::async_shutdown, workers_),
                        [this](std::exception_ptr error, grpc::Status returned) {
                          finish_shutdown_on_strand(outcome(std::move(error), std::move(returned)));
                        });
}

void ContextHost::finish_shutdown_on_strand(grpc::Status status) {
  if (!status.ok()) {
    logger_.error("service context: shutdown failed: {}", to_string(status));
  }
  shutdown_status_ = status;
  state_ = ContextState::kShutDown;
  for (StatusHandler& waiter : std::exchange(shutdown_waiters_, {})) {
    complete(std::move(waiter), status);
  }
}

// Posted, so that the caller's handler does not run inside the strand (and may destroy the host).
void ContextHost::complete(StatusHandler handler, grpc::Status status) {
  boost::asio::post(executor_,
                    [handler = std::move(handler), status = std::move(status)]() mutable {
                      handler(std::move(status));
                    });
}

}  // namespace compiler_gym
