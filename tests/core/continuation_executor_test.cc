// On which thread a coroutine goes on, and what is posted all the same.
#include "core/continuation_executor.h"

#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <future>
#include <memory>
#include <stdexcept>
#include <thread>

#include "core/run_on.h"
#include "core/unique_handler.h"
#include "core/worker_pool.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using asio::use_awaitable;

static_assert(sizeof(ContinuationExecutor) == sizeof(void*));

class ContinuationExecutorTest : public ::testing::Test {
 protected:
  template <typename Coroutine>
  void spawn(Coroutine coroutine) {
    asio::co_spawn(executor_, std::move(coroutine), [this](const std::exception_ptr& error) {
      error_ = error;
      ended_on_.set_value(std::this_thread::get_id());
    });
  }

  testing::RecordingLogger logger_;
  asio::io_context io_context_;
  const asio::any_io_executor base_ = io_context_.get_executor();
  const asio::any_io_executor executor_ = ContinuationExecutor(&base_);
  std::exception_ptr error_;
  std::promise<std::thread::id> ended_on_;
  std::future<std::thread::id> end_ = ended_on_.get_future();
  WorkerPool workers_{{.threads = 1}, logger_};

  [[nodiscard]] bool ended() const {
    return end_.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
};

TEST_F(ContinuationExecutorTest, ACoroutineGoesOnWhereItsOperationEnded) {
  std::thread::id began;
  std::thread::id worker;
  std::thread::id after;
  auto coroutine = [&]() -> asio::awaitable<void> {
    began = std::this_thread::get_id();
    auto look = [&] { worker = std::this_thread::get_id(); };
    co_await run_on(workers_.executor(), look);
    after = std::this_thread::get_id();
  };
  spawn(coroutine());
  const std::thread::id end = testing::get_within_watchdog(std::move(end_));
  EXPECT_EQ(began, std::this_thread::get_id()) << "inside the call";
  EXPECT_NE(worker, std::this_thread::get_id());
  EXPECT_EQ(after, worker);
  EXPECT_EQ(end, worker);
  EXPECT_EQ(io_context_.poll(), 0U) << "nothing was posted";
}

TEST_F(ContinuationExecutorTest, PostingToAPoolTakesTheCoroutineThere) {
  std::thread::id after;
  auto coroutine = [&]() -> asio::awaitable<void> {
    co_await asio::post(workers_.executor(), use_awaitable);
    after = std::this_thread::get_id();
  };
  spawn(coroutine());
  EXPECT_EQ(testing::get_within_watchdog(std::move(end_)), after);
  EXPECT_NE(after, std::this_thread::get_id());
}

TEST_F(ContinuationExecutorTest, TheEndOfACoroutineThatNeverWaitedIsPostedToTheBase) {
  auto coroutine = []() -> asio::awaitable<void> { co_return; };
  spawn(coroutine());
  EXPECT_FALSE(ended());
  io_context_.run();
  EXPECT_TRUE(ended());
}

TEST_F(ContinuationExecutorTest, OneThatDispatchedToItselfEndsInsideTheCall) {
  auto coroutine = []() -> asio::awaitable<void> { co_await asio::dispatch(use_awaitable); };
  spawn(coroutine());
  EXPECT_TRUE(ended());
  EXPECT_EQ(io_context_.poll(), 0U);
}

TEST_F(ContinuationExecutorTest, WhatACoroutineThrowsGoesToWhoSpawnedIt) {
  auto coroutine = [this]() -> asio::awaitable<void> {
    co_await asio::post(workers_.executor(), use_awaitable);
    throw std::runtime_error("as expected");
  };
  spawn(coroutine());
  testing::get_within_watchdog(std::move(end_));
  EXPECT_THROW(std::rethrow_exception(error_), std::runtime_error);
}

TEST_F(ContinuationExecutorTest, AnOperationThatDropsItsHandlerTakesTheCoroutineAlongOnTheBase) {
  auto state = std::make_shared<int>();
  UniqueHandler<void()> pending;
  auto coroutine = [&pending](std::shared_ptr<int> /*kept*/) -> asio::awaitable<void> {
    co_await asio::async_initiate<const asio::use_awaitable_t<>, void()>(
        [&pending](auto handler) { pending = UniqueHandler<void()>(std::move(handler)); },
        use_awaitable);
  };
  spawn(coroutine(state));
  EXPECT_EQ(state.use_count(), 2);
  pending = {};
  io_context_.run();
  EXPECT_EQ(state.use_count(), 1);
  EXPECT_FALSE(ended());
}

}  // namespace
}  // namespace compiler_gym
