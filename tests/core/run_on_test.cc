#include "core/run_on.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>

#include "core/worker_pool.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using testing::get_within_watchdog;
using testing::poll_until;

class RunOnTest : public ::testing::Test {
 protected:
  // The io_context plays the loop, run by the test's thread; the pool is where functions go.
  asio::io_context io_context_;
  testing::RecordingLogger logger_;
  WorkerPool pool_{{.threads = 1}, logger_};
};

TEST_F(RunOnTest, AValueComesBackToTheCoroutinesExecutor) {
  const auto loop_thread = std::this_thread::get_id();
  bool done = false;
  asio::co_spawn(
      io_context_,
      [&]() -> asio::awaitable<void> {
        const auto ran_on =
            co_await run_on(pool_.executor(), [] { return std::this_thread::get_id(); });
        EXPECT_NE(ran_on, loop_thread);
        EXPECT_EQ(std::this_thread::get_id(), loop_thread);
      },
      [&](std::exception_ptr error) {
        EXPECT_FALSE(error);
        done = true;
      });
  poll_until(io_context_, [&] { return done; });
}

TEST_F(RunOnTest, AnExceptionComesBackToTheCoroutine) {
  std::string caught;
  asio::co_spawn(
      io_context_,
      [&]() -> asio::awaitable<void> {
        try {
          co_await run_on(pool_.executor(), [] { throw std::runtime_error("no"); });
        } catch (const std::runtime_error& error) {
          caught = error.what();
        }
      },
      [](std::exception_ptr error) { EXPECT_FALSE(error); });
  poll_until(io_context_, [&] { return !caught.empty(); });
  EXPECT_EQ(caught, "no");
  EXPECT_TRUE(logger_.lines().empty()) << "it is the caller's, not the pool's";
}

TEST_F(RunOnTest, AFutureGetsTheValueOrTheException) {
  EXPECT_EQ(get_within_watchdog(run_on(pool_.executor(), [] { return 7; }, asio::use_future)), 7);
  EXPECT_NO_THROW(get_within_watchdog(run_on(pool_.executor(), [] {}, asio::use_future)));
  EXPECT_THROW(
      get_within_watchdog(run_on(
          pool_.executor(), []() -> int { throw std::runtime_error("no"); }, asio::use_future)),
      std::runtime_error);
}

TEST_F(RunOnTest, AHandlerRunsOnItsOwnExecutor) {
  std::thread::id handler_thread;
  run_on(
      pool_.executor(), [] {},
      asio::bind_executor(io_context_.get_executor(), [&](std::exception_ptr) {
        handler_thread = std::this_thread::get_id();
      }));
  io_context_.run();  // which the pending handler keeps busy
  EXPECT_EQ(handler_thread, std::this_thread::get_id());
}

TEST_F(RunOnTest, AHandlerWithoutAnExecutorRunsWhereTheFunctionRan) {
  std::thread::id function_thread;
  std::thread::id handler_thread;
  run_on(
      pool_.executor(), [&] { function_thread = std::this_thread::get_id(); },
      [&](std::exception_ptr) { handler_thread = std::this_thread::get_id(); });
  pool_.join();
  EXPECT_NE(function_thread, std::thread::id());
  EXPECT_EQ(handler_thread, function_thread);
}

TEST_F(RunOnTest, FunctionAndValueNeedOnlyBeMovable) {
  auto seven = std::make_unique<int>(7);
  auto value = get_within_watchdog(run_on(
      pool_.executor(), [seven = std::move(seven)]() mutable { return std::move(seven); },
      asio::use_future));
  EXPECT_EQ(*value, 7);
}

TEST_F(RunOnTest, TheFunctionIsGoneWhenTheHandlerRuns) {
  // What the function captured, a session say, may be destroyed by what the handler sets going.
  auto captured = std::make_shared<int>();
  std::weak_ptr<int> watch = captured;
  bool expired = false;
  run_on(
      pool_.executor(), [captured = std::move(captured)] {},
      [&](std::exception_ptr) { expired = watch.expired(); });
  pool_.join();
  EXPECT_TRUE(expired);
}

}  // namespace
}  // namespace compiler_gym
