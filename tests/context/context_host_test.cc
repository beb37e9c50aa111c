// The life of a service context: what is called, in which order, how often, and with which outcome.
#include "context/context_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/redirect_error.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "core/support/status.h"
#include "tests/context/hooked_context.h"
#include "tests/support/fake_clock.h"
#include "tests/support/latch.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::BlockingContext;
using testing::CoroutineContext;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::get_within_watchdog;
using ::testing::IsEmpty;
using testing::Latch;
using testing::poll_until;
using testing::settle;

/// The test's thread is the loop; one worker runs what blocks.
class ContextHostTest : public ::testing::Test {
 protected:
  using Outcome = std::shared_ptr<std::optional<grpc::Status>>;
  using Coroutine = CoroutineContext::Coroutine;

  ~ContextHostTest() override {
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
  static asio::awaitable<grpc::Status> wait_for_an_hour() {
    Timer timer(co_await asio::this_coro::executor, Clock::now() + 1h);
    co_await timer.async_wait(asio::use_awaitable);
    co_return grpc::Status::OK;
  }

  testing::FakeClock clock_;
  asio::io_context io_context_;
  testing::RecordingLogger logger_;
  WorkerPool workers_{{.threads = 1}, logger_};
  std::vector<std::string> calls_;  // one context's calls never overlap
  std::optional<ContextHost> host_;
};

// ------------------------------------------------------------------------------------------ order

TEST_F(ContextHostTest, GoesThroughItsStatesInOrder) {
  Latch in_init;
  Latch finish_init;
  Latch in_shutdown;
  Latch finish_shutdown;
  host_blocking(
      [&] {
        in_init.open();
        finish_init.wait();
        return grpc::Status::OK;
      },
      [&] {
        in_shutdown.open();
        finish_shutdown.wait();
        return grpc::Status::OK;
      });
  EXPECT_EQ(host_->state(), ContextState::kNew);

  const Outcome initialised = init();
  poll_until(io_context_, [&] { return in_init.is_open(); });
  EXPECT_EQ(host_->state(), ContextState::kInitializing);
  EXPECT_FALSE(initialised->has_value());

  finish_init.open();
  EXPECT_EQ(finished(initialised), "OK");
  EXPECT_EQ(host_->state(), ContextState::kRunning);

  const Outcome ended = shut_down();
  poll_until(io_context_, [&] { return in_shutdown.is_open(); });
  EXPECT_EQ(host_->state(), ContextState::kShuttingDown);
  EXPECT_FALSE(ended->has_value());

  finish_shutdown.open();
  EXPECT_EQ(finished(ended), "OK");
  EXPECT_EQ(host_->state(), ContextState::kShutDown);
}

TEST_F(ContextHostTest, GivesAccessToTheContextAndItsWorkingDirectory) {
  auto context = std::make_unique<DefaultCompilerGymServiceContext>("/some/where");
  const CompilerGymServiceContext* const made = context.get();
  make_host(std::move(context));
  EXPECT_EQ(&host_->context(), made);
  EXPECT_EQ(host_->context().workingDirectory(), "/some/where");
  EXPECT_EQ(finished(init()), "OK") << "the default context has nothing to fail at";
  EXPECT_EQ(finished(shut_down()), "OK");
}

TEST_F(ContextHostTest, ShutdownFollowsAFailedInit) {
  host_blocking(recorded("init", not_found("no compiler in /opt")), recorded("shutdown"));
  EXPECT_EQ(finished(init()), "NOT_FOUND: no compiler in /opt");
  EXPECT_EQ(host_->state(), ContextState::kInitFailed);
  EXPECT_THAT(calls_, ElementsAre("init"));
  EXPECT_EQ(finished(shut_down()), "OK");
  EXPECT_THAT(calls_, ElementsAre("init", "shutdown"));
}

TEST_F(ContextHostTest, WithoutAnInitThereIsNoShutdown) {
  host_blocking(recorded("init"), recorded("shutdown"));
  EXPECT_EQ(finished(shut_down()), "OK");
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_EQ(host_->state(), ContextState::kShutDown);
}

TEST_F(ContextHostTest, ASecondInitIsRefusedWhateverBecameOfTheFirst) {
  constexpr auto* kRefusal = "FAILED_PRECONDITION: the service context was initialised before";
  Latch finish_init;
  host_blocking([&] {
    calls_.emplace_back("init");
    finish_init.wait();
    return grpc::Status::OK;
  });
  const Outcome first = init();
  EXPECT_EQ(finished(init()), kRefusal) << "while the first runs";
  EXPECT_FALSE(first->has_value());
  finish_init.open();
  EXPECT_EQ(finished(first), "OK");
  EXPECT_EQ(finished(init()), kRefusal) << "when it has succeeded";
  finished(shut_down());
  EXPECT_EQ(finished(init()), kRefusal) << "after the shutdown";
  EXPECT_THAT(calls_, ElementsAre("init"));
}

TEST_F(ContextHostTest, AnInitAfterAFailedOneIsRefused) {
  host_blocking(recorded("init", unavailable("database down")));
  finished(init());
  EXPECT_EQ(finished(init()), "FAILED_PRECONDITION: the service context was initialised before");
  EXPECT_THAT(calls_, ElementsAre("init"));
}

// --------------------------------------------------------------------------------------- shutdown

TEST_F(ContextHostTest, ShutdownRunsOnceForAnyNumberOfCallers) {
  Latch in_shutdown;
  Latch finish_shutdown;
  host_blocking({}, [&] {
    calls_.emplace_back("shutdown");
    in_shutdown.open();
    finish_shutdown.wait();
    return data_loss("cache not written");
  });
  finished(init());

  const std::vector<Outcome> together{shut_down(), shut_down()};
  poll_until(io_context_, [&] { return in_shutdown.is_open(); });
  const Outcome meanwhile = shut_down();
  settle(io_context_);
  for (const Outcome& outcome : {together[0], together[1], meanwhile}) {
    EXPECT_FALSE(outcome->has_value());
  }

  finish_shutdown.open();
  for (const Outcome& outcome : {together[0], together[1], meanwhile, shut_down()}) {
    EXPECT_EQ(finished(outcome), "DATA_LOSS: cache not written");
  }
  EXPECT_THAT(calls_, ElementsAre("shutdown"));
}

TEST_F(ContextHostTest, AFailedShutdownIsLoggedOnce) {
  host_blocking({}, recorded("shutdown", data_loss("cache not written")));
  finished(init());
  finished(shut_down());
  finished(shut_down());
  EXPECT_EQ(logger_.count(LogLevel::kError, "DATA_LOSS: cache not written"), 1) << logger_.text();
  EXPECT_EQ(host_->state(), ContextState::kShutDown);
}

TEST_F(ContextHostTest, TheHandlerOfAShutdownMayDestroyTheHost) {
  host_blocking();
  finished(init());
  host_->async_shutdown([this](const grpc::Status&) { host_.reset(); });
  poll_until(io_context_, [&] { return !host_.has_value(); });
}

// ------------------------------------------------------------------------------------- exceptions

struct ThrowingCase {
  const char* name;
  void (*raise)();
  const char* status;
};

class ContextHostThrowingTest : public ContextHostTest,
                                public ::testing::WithParamInterface<ThrowingCase> {};

TEST_P(ContextHostThrowingTest, FromABlockingOverride) {
  const auto raise = [] {
    GetParam().raise();
    return grpc::Status::OK;
  };
  host_blocking(raise, raise);
  EXPECT_EQ(finished(init()), GetParam().status);
  EXPECT_EQ(host_->state(), ContextState::kInitFailed);
  EXPECT_EQ(finished(shut_down()), GetParam().status);
}

TEST_P(ContextHostThrowingTest, FromACoroutine) {
  const auto raise = []() -> asio::awaitable<grpc::Status> {
    GetParam().raise();
    co_return grpc::Status::OK;
  };
  host_coroutines(raise, raise);
  EXPECT_EQ(finished(init()), GetParam().status);
  EXPECT_EQ(finished(shut_down()), GetParam().status);
}

TEST_P(ContextHostThrowingTest, FromAnOverrideThatReturnsACoroutineWithoutBeingOne) {
  const auto raise = []() -> asio::awaitable<grpc::Status> {
    GetParam().raise();
    return wait_for_an_hour();
  };
  host_coroutines(raise, raise);
  EXPECT_EQ(finished(init()), GetParam().status);
  EXPECT_EQ(finished(shut_down()), GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(
    , ContextHostThrowingTest,
    ::testing::Values(ThrowingCase{"Exception", [] { throw std::runtime_error("no licence"); },
                                   "INTERNAL: Unhandled exception: no licence"},
                      ThrowingCase{
                          "Other", [] { throw 42; },
                          "INTERNAL: Unhandled exception: not derived from std::exception"}),
    [](const auto& row) { return row.param.name; });

// ---------------------------------------------------------------------------------------- threads

TEST_F(ContextHostTest, ABlockingInitLeavesTheLoopFree) {
  Latch in_init;
  Latch finish_init;
  std::thread::id init_thread;
  host_blocking([&] {
    init_thread = std::this_thread::get_id();
    in_init.open();
    finish_init.wait();
    return grpc::Status::OK;
  });
  const Outcome initialised = init();
  poll_until(io_context_, [&] { return in_init.is_open(); });

  bool ran = false;
  asio::post(io_context_, [&] { ran = true; });
  settle(io_context_);
  EXPECT_TRUE(ran);
  EXPECT_FALSE(initialised->has_value());

  finish_init.open();
  EXPECT_EQ(finished(initialised), "OK");
  EXPECT_NE(init_thread, std::this_thread::get_id());
}

TEST_F(ContextHostTest, ACoroutineRunsOnTheContextsStrandOnTheLoop) {
  const auto on_strand = [this]() -> asio::awaitable<grpc::Status> {
    const asio::any_io_executor executor = co_await asio::this_coro::executor;
    const auto* strand = executor.target<asio::strand<asio::any_io_executor>>();
    EXPECT_NE(strand, nullptr);
    EXPECT_TRUE(strand != nullptr && strand->running_in_this_thread());
    EXPECT_TRUE(strand != nullptr &&
                strand->get_inner_executor() == asio::any_io_executor(io_context_.get_executor()));
    co_return grpc::Status::OK;
  };
  host_coroutines(on_strand, on_strand);
  EXPECT_EQ(finished(init()), "OK");
  EXPECT_EQ(finished(shut_down()), "OK");
}

TEST_F(ContextHostTest, HandlersRunOutsideTheStrand) {
  // On it, a caller's handler would hold up everybody who waits for the context.
  asio::any_io_executor executor;
  const auto keep_executor = [&]() -> asio::awaitable<grpc::Status> {
    executor = co_await asio::this_coro::executor;
    co_return grpc::Status::OK;
  };
  host_coroutines(keep_executor, keep_executor);
  const auto on_strand = [&] {
    return executor.target<asio::strand<asio::any_io_executor>>()->running_in_this_thread();
  };
  std::vector<bool> handlers;
  host_->async_init([&](const grpc::Status&) { handlers.push_back(on_strand()); });
  poll_until(io_context_, [&] { return handlers.size() == 1; });
  host_->async_init([&](const grpc::Status&) { handlers.push_back(on_strand()); });
  host_->async_shutdown([&](const grpc::Status&) { handlers.push_back(on_strand()); });
  poll_until(io_context_, [&] { return handlers.size() == 3; });
  EXPECT_THAT(handlers, Each(false));
}

// ----------------------------------------------------------------------------------- cancellation

TEST_F(ContextHostTest, ACancelledInitIsCancelled) {
  host_coroutines(wait_for_an_hour);
  const Outcome initialised = init();
  settle(io_context_);
  EXPECT_FALSE(initialised->has_value());

  host_->cancel_init();
  EXPECT_EQ(finished(initialised), "CANCELLED: operation cancelled");
  EXPECT_EQ(host_->state(), ContextState::kInitFailed);
}

TEST_F(ContextHostTest, AnInitThatIsNotCancelledWaitsForItsTimer) {
  host_coroutines(wait_for_an_hour);
  const Outcome initialised = init();
  settle(io_context_);
  clock_.advance(1h - 1ns);
  settle(io_context_);
  EXPECT_FALSE(initialised->has_value());
  clock_.advance(1ns);
  EXPECT_EQ(finished(initialised), "OK");
}

TEST_F(ContextHostTest, AnInitMaySucceedInSpiteOfBeingCancelled) {
  host_coroutines([]() -> asio::awaitable<grpc::Status> {
    co_await asio::this_coro::throw_if_cancelled(false);
    Timer timer(co_await asio::this_coro::executor, Clock::now() + 1h);
    boost::system::error_code error;
    co_await timer.async_wait(asio::redirect_error(asio::use_awaitable, error));
    EXPECT_EQ(error, asio::error::operation_aborted);
    co_return grpc::Status::OK;  // goes on without what it waited for
  });
  const Outcome initialised = init();
  settle(io_context_);
  host_->cancel_init();
  EXPECT_EQ(finished(initialised), "OK");
  EXPECT_EQ(host_->state(), ContextState::kRunning);
}

TEST_F(ContextHostTest, CancellingNoInitDoesNothing) {
  host_coroutines({});
  host_->cancel_init();
  EXPECT_EQ(finished(init()), "OK");
  host_->cancel_init();
  settle(io_context_);
  EXPECT_EQ(host_->state(), ContextState::kRunning);
  EXPECT_EQ(finished(shut_down()), "OK");
  host_->cancel_init();
}

TEST_F(ContextHostTest, AShutdownDuringInitCancelsItAndFollowsIt) {
  host_coroutines(
      [this]() -> asio::awaitable<grpc::Status> {
        struct Leaving {
          std::vector<std::string>& calls;
          ~Leaving() { calls.emplace_back("init left"); }
        } leaving{calls_};
        co_return co_await wait_for_an_hour();
      },
      [this]() -> asio::awaitable<grpc::Status> {
        calls_.emplace_back("shutdown");
        co_return grpc::Status::OK;
      });
  const Outcome initialised = init();
  settle(io_context_);

  const Outcome ended = shut_down();
  EXPECT_EQ(finished(ended), "OK");
  EXPECT_EQ(finished(initialised), "CANCELLED: operation cancelled");
  EXPECT_THAT(calls_, ElementsAre("init left", "shutdown"));
}

TEST_F(ContextHostTest, AShutdownDuringABlockingInitWaitsForItsEnd) {
  Latch in_init;
  Latch finish_init;
  host_blocking(
      [&] {
        in_init.open();
        finish_init.wait();
        calls_.emplace_back("init");
        return grpc::Status::OK;
      },
      recorded("shutdown"));
  const Outcome initialised = init();
  poll_until(io_context_, [&] { return in_init.is_open(); });

  const std::vector<Outcome> ended{shut_down(), shut_down()};
  settle(io_context_);
  EXPECT_EQ(host_->state(), ContextState::kInitializing);

  finish_init.open();
  EXPECT_EQ(finished(ended[0]), "OK");
  EXPECT_EQ(finished(ended[1]), "OK");
  EXPECT_EQ(finished(initialised), "OK") << "it had not heeded the cancellation";
  EXPECT_THAT(calls_, ElementsAre("init", "shutdown"));
}

// ------------------------------------------------------------------------------ completion tokens

TEST_F(ContextHostTest, IsAwaited) {
  host_blocking(recorded("init", unavailable("database down")), recorded("shutdown"));
  std::vector<std::string> outcomes;
  bool done = false;
  asio::co_spawn(
      io_context_,
      [&]() -> asio::awaitable<void> {
        const auto loop_thread = std::this_thread::get_id();
        outcomes.push_back(to_string(co_await host_->async_init(asio::use_awaitable)));
        EXPECT_EQ(std::this_thread::get_id(), loop_thread);
        outcomes.push_back(to_string(co_await host_->async_shutdown(asio::use_awaitable)));
        EXPECT_EQ(std::this_thread::get_id(), loop_thread);
      },
      [&](const std::exception_ptr& error) {
        EXPECT_EQ(error, nullptr);
        done = true;
      });
  poll_until(io_context_, [&] { return done; });
  EXPECT_THAT(outcomes, ElementsAre("UNAVAILABLE: database down", "OK"));
}

TEST_F(ContextHostTest, AFutureGetsTheStatus) {
  host_blocking({}, recorded("shutdown", data_loss("cache not written")));
  auto initialised = host_->async_init(asio::use_future);
  auto ended = host_->async_shutdown(asio::use_future);
  poll_until(io_context_, [&] { return ended.wait_for(0s) == std::future_status::ready; });
  EXPECT_EQ(to_string(get_within_watchdog(std::move(initialised))), "OK");
  EXPECT_EQ(to_string(get_within_watchdog(std::move(ended))), "DATA_LOSS: cache not written");
}

}  // namespace
}  // namespace compiler_gym
