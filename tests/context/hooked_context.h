// A service context whose init and shutdown are functions of the test.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <functional>
#include <string>
#include <utility>
#include <vector>

#include "context/compiler_gym_service_context.h"

namespace compiler_gym::testing {

/// The blocking overridables. Unset functions succeed.
class BlockingContext final : public CompilerGymServiceContext {
 public:
  BlockingContext(std::function<grpc::Status()> init, std::function<grpc::Status()> shutdown)
      : CompilerGymServiceContext("/service"),
        init_(std::move(init)),
        shutdown_(std::move(shutdown)) {}

  grpc::Status init() override { return init_ ? init_() : grpc::Status::OK; }
  grpc::Status shutdown() override { return shutdown_ ? shutdown_() : grpc::Status::OK; }

 private:
  const std::function<grpc::Status()> init_;
  const std::function<grpc::Status()> shutdown_;
};

/// The asynchronous overridables. Unset functions succeed.
class CoroutineContext final : public CompilerGymServiceContext {
 public:
  using Coroutine = std::function<boost::asio::awaitable<grpc::Status>()>;

  CoroutineContext(Coroutine init, Coroutine shutdown)
      : CompilerGymServiceContext("/service"),
        init_(std::move(init)),
        shutdown_(std::move(shutdown)) {}

  // Not coroutines themselves: what the function throws before it is one leaves these calls.
  boost::asio::awaitable<grpc::Status> async_init(WorkerPool& /*workers*/) override {
    return init_ ? init_() : ok();
  }
  boost::asio::awaitable<grpc::Status> async_shutdown(WorkerPool& /*workers*/) override {
    return shutdown_ ? shutdown_() : ok();
  }

 private:
  static boost::asio::awaitable<grpc::Status> ok() { co_return grpc::Status::OK; }

  const Coroutine init_;
  const Coroutine shutdown_;
};

}  // namespace compiler_gym::testing
