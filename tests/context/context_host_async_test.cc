// A service context's init and shutdown as asynchronous operations: threads, cancellation, tokens.
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
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "context/context_host.h"
#include "core/support/status.h"
#include "tests/context/context_host_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::Each;
using ::testing::ElementsAre;
using testing::get_within_watchdog;
using testing::Latch;
using testing::poll_until;
using testing::settle;

class ContextHostAsyncTest : public testing::ContextHostFixture {};

// ---------------------------------------------------------------------------------------- threads

TEST_F(ContextHostAsyncTest, ABlockingInitLeavesTheLoopFree) {
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

TEST_F(ContextHostAsyncTest, ACoroutineRunsOnTheContextsStrandOnTheLoop) {
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

TEST_F(ContextHostAsyncTest, HandlersRunOutsideTheStrand) {
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

TEST_F(ContextHostAsyncTest, ACancelledInitIsCancelled) {
  host_coroutines(wait_for_an_hour);
  const Outcome initialised = init();
  settle(io_context_);
  EXPECT_FALSE(initialised->has_value());

  host_->cancel_init();
  EXPECT_EQ(finished(initialised), "CANCELLED: operation cancelled");
  EXPECT_EQ(host_->state(), ContextState::kInitFailed);
}

TEST_F(ContextHostAsyncTest, AnInitThatIsNotCancelledWaitsForItsTimer) {
  host_coroutines(wait_for_an_hour);
  const Outcome initialised = init();
  settle(io_context_);
  clock_.advance(1h - 1ns);
  settle(io_context_);
  EXPECT_FALSE(initialised->has_value());
  clock_.advance(1ns);
  EXPECT_EQ(finished(initialised), "OK");
}

TEST_F(ContextHostAsyncTest, AnInitMaySucceedInSpiteOfBeingCancelled) {
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

TEST_F(ContextHostAsyncTest, CancellingNoInitDoesNothing) {
  host_coroutines({});
  host_->cancel_init();
  EXPECT_EQ(finished(init()), "OK");
  host_->cancel_init();
  settle(io_context_);
  EXPECT_EQ(host_->state(), ContextState::kRunning);
  EXPECT_EQ(finished(shut_down()), "OK");
  host_->cancel_init();
}

TEST_F(ContextHostAsyncTest, AShutdownDuringInitCancelsItAndFollowsIt) {
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

TEST_F(ContextHostAsyncTest, AShutdownDuringABlockingInitWaitsForItsEnd) {
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

TEST_F(ContextHostAsyncTest, IsAwaited) {
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

TEST_F(ContextHostAsyncTest, AFutureGetsTheStatus) {
  host_blocking({}, recorded("shutdown", data_loss("cache not written")));
  auto initialised = host_->async_init(asio::use_future);
  auto ended = host_->async_shutdown(asio::use_future);
  poll_until(io_context_, [&] { return ended.wait_for(0s) == std::future_status::ready; });
  EXPECT_EQ(to_string(get_within_watchdog(std::move(initialised))), "OK");
  EXPECT_EQ(to_string(get_within_watchdog(std::move(ended))), "DATA_LOSS: cache not written");
}

}  // namespace
}  // namespace compiler_gym
