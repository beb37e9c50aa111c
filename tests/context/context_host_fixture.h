// A context host whose loop is the test's own thread.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "context/context_host.h"
#include "core/support/clock.h"
#include "core/support/status.h"
#include "core/worker_pool.h"
#include "tests/context/hooked_context.h"
#include "tests/support/fake_clock.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym::testing {

/// The test's thread is the loop; one worker runs what blocks.
class ContextHostFixture : public ::testing::Test {
 protected:
  using Outcome = std::shared_ptr<std::optional<grpc::Status>>;
  using Coroutine = CoroutineContext::Coroutine;

  ~ContextHostFixture() override {
    if (host_) {
      finished(shut_down());  // as the host demands of its owner; the second time it does nothing
      host_.reset();
    }
    io_context_.restart();
    EXPECT_EQ(io_context_.poll(), 0U) << "something was left on the loop";
  }

  void host_blocking(std::function<grpc::Status()> init = {},
                     std::function<grpc::Status()> shutdown = {}) {
    make_host(std::make_unique<BlockingContext>(std::move(init), std::move(shutdown)));
  }
  void host_coroutines(Coroutine init, Coroutine shutdown = {}) {
    make_host(std::make_unique<CoroutineContext>(std::move(init), std::move(shutdown)));
  }
  void make_host(std::unique_ptr<CompilerGymServiceContext> context) {
    host_.emplace(io_context_.get_executor(), std::move(context), workers_, logger_);
  }

  /// init() and shutdown() that write down that they were called, for contexts that return `status`.
  std::function<grpc::Status()> recorded(std::string name, grpc::Status status = grpc::Status::OK) {
    return [this, name = std::move(name), status = std::move(status)] {
      calls_.push_back(name);
      return status;
    };
  }

  // Each starts the operation, and fills the outcome when it completes.
  Outcome init() {
    auto outcome = std::make_shared<std::optional<grpc::Status>>();
    host_->async_init([outcome](grpc::Status status) { *outcome = std::move(status); });
    return outcome;
  }
  Outcome shut_down() {
    auto outcome = std::make_shared<std::optional<grpc::Status>>();
    host_->async_shutdown([outcome](grpc::Status status) { *outcome = std::move(status); });
    return outcome;
  }

  std::string finished(const Outcome& outcome) {
    poll_until(io_context_, [&] { return outcome->has_value(); });
    return to_string(**outcome);
  }

  /// Waits on a timer for longer than any test; cancelled, it throws as Asio's operations do.
  static boost::asio::awaitable<grpc::Status> wait_for_an_hour() {
    Timer timer(co_await boost::asio::this_coro::executor, Clock::now() + std::chrono::hours(1));
    co_await timer.async_wait(boost::asio::use_awaitable);
    co_return grpc::Status::OK;
  }

  FakeClock clock_;
  boost::asio::io_context io_context_;
  RecordingLogger logger_;
  WorkerPool workers_{{.threads = 1}, logger_};
  std::vector<std::string> calls_;  // one context's calls never overlap
  std::optional<ContextHost> host_;
};

}  // namespace compiler_gym::testing
