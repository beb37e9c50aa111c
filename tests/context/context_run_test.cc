// CompilerGymServiceContext::run(): how sessions reach the state they share.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "context/context_host.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using testing::get_within_watchdog;
using testing::poll_until;

class ContextRunTest : public ::testing::Test {
 protected:
  CompilerGymServiceContext& context() { return host_.context(); }

  asio::io_context io_context_;
  testing::RecordingLogger logger_;
  WorkerPool workers_{{.threads = 4}, logger_};
  ContextHost host_{io_context_.get_executor(),
                    std::make_unique<DefaultCompilerGymServiceContext>("/service"), workers_,
                    logger_};
};

TEST_F(ContextRunTest, RunsOnTheExecutorTheHostWasGiven) {
  std::thread::id ran_on;
  auto done = context().run([&] { ran_on = std::this_thread::get_id(); }, asio::use_future);
  EXPECT_EQ(ran_on, std::thread::id()) << "nobody runs the io_context yet";
  io_context_.run();
  get_within_watchdog(std::move(done));
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST(ContextWithoutHostTest, RunsOnTheCallersThreadBeforeTheCallReturns) {
  DefaultCompilerGymServiceContext context("/service");
  std::thread::id ran_on;
  auto done = context.run([&] { ran_on = std::this_thread::get_id(); }, asio::use_future);
  EXPECT_EQ(ran_on, std::this_thread::get_id());
  get_within_watchdog(std::move(done));
}

TEST_F(ContextRunTest, NeverRunsTwoFunctionsAtATime) {
  // Three threads run the loop, four workers ask; the count would be wrong and ThreadSanitizer unhappy if two got in.
  constexpr int kCallers = 4;
  constexpr int kCalls = 500;
  auto keep_running = asio::make_work_guard(io_context_);
  std::vector<std::jthread> loop;
  for (int i = 0; i < 3; ++i) {
    loop.emplace_back([this] { io_context_.run(); });
  }
  int count = 0;
  std::atomic<int> inside{0};
  std::atomic<int> overlaps{0};
  std::vector<std::future<void>> callers;
  for (int caller = 0; caller < kCallers; ++caller) {
    callers.push_back(run_on(
        workers_.executor(),
        [&] {
          int last = 0;
          for (int call = 0; call < kCalls; ++call) {
            const int seen = context()
                                 .run(
                                     [&] {
                                       overlaps += inside.fetch_add(1) != 0 ? 1 : 0;
                                       ++count;
                                       inside.fetch_sub(1);
                                       return count;
                                     },
                                     asio::use_future)
                                 .get();
            EXPECT_GT(seen, last);
            last = seen;
          }
        },
        asio::use_future));
  }
  for (auto& caller : callers) {
    get_within_watchdog(std::move(caller));
  }
  keep_running.reset();
  loop.clear();
  EXPECT_EQ(count, kCallers * kCalls);
  EXPECT_EQ(overlaps, 0);
}

TEST_F(ContextRunTest, ACoroutineAwaitsTheResultAndGoesOnOnItsOwnExecutor) {
  const auto loop_thread = std::this_thread::get_id();
  bool done = false;
  asio::co_spawn(
      workers_.executor(),
      [&]() -> asio::awaitable<void> {
        EXPECT_NE(std::this_thread::get_id(), loop_thread);
        const auto ran_on = co_await context().run([] { return std::this_thread::get_id(); });
        EXPECT_EQ(ran_on, loop_thread);
        EXPECT_NE(std::this_thread::get_id(), loop_thread);
      },
      asio::bind_executor(io_context_, [&](const std::exception_ptr& error) {
        EXPECT_EQ(error, nullptr);
        done = true;
      }));
  poll_until(io_context_, [&] { return done; });
}

TEST_F(ContextRunTest, AnExceptionReachesWhoeverAsked) {
  auto failed = context().run([]() -> int { throw std::runtime_error("no"); }, asio::use_future);
  io_context_.run();
  EXPECT_THROW(get_within_watchdog(std::move(failed)), std::runtime_error);

  io_context_.restart();
  auto next = context().run([] { return 7; }, asio::use_future);
  io_context_.run();
  EXPECT_EQ(get_within_watchdog(std::move(next)), 7) << "the strand goes on";
}

TEST(ContextAloneTest, AContextWithoutAHostRunsFunctionsToo) {
  DefaultCompilerGymServiceContext context("/service");
  EXPECT_EQ(get_within_watchdog(context.run([] { return 7; }, asio::use_future)), 7);
}

}  // namespace
}  // namespace compiler_gym
