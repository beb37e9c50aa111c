// The engine under real threads. What these tests are after is mostly not what they expect, but
// what ThreadSanitizer sees: run them with ./dev tsan.
#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <latch>
#include <memory>
#include <thread>
#include <vector>

#include "core/async_tag.h"
#include "core/calling_thread_executor.h"
#include "core/completion_queue_pump.h"
#include "core/gate.h"
#include "core/run_on.h"
#include "core/worker_pool.h"
#include "tests/core/alarms.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using testing::RecordingLogger;
using testing::set_due;
using testing::set_far_off;

constexpr int kThreads = 3;
constexpr int kRounds = 300;

// A loop on threads of its own with a pump on it, as a server has it.
class StressTest : public ::testing::Test {
 protected:
  StressTest() {
    pump_.async_run([] {});
    for (int i = 0; i < kThreads; ++i) {
      loop_.emplace_back([this] { io_context_.run(); });
    }
  }

  ~StressTest() override {
    pump_.shutdown();
    // The loop runs dry by itself.
    for (std::jthread& thread : loop_) {
      thread.join();
    }
  }

  // `body(thread)` on kThreads threads that start together.
  template <typename Body>
  static void on_threads(Body body) {
    std::latch start(kThreads);
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&, i] {
        start.arrive_and_wait();
        body(i);
      });
    }
  }

  RecordingLogger logger_;
  asio::io_context io_context_;
  CompletionQueuePump pump_{io_context_, std::make_unique<grpc::CompletionQueue>()};
  std::vector<std::jthread> loop_;
};

TEST_F(StressTest, OperationsStartedOnManyThreadsAllComplete) {
  constexpr int kOperations = kThreads * kRounds;
  std::vector<grpc::Alarm> alarms(kOperations);
  std::vector<int> results(kOperations);  // not atomic: the queue orders who writes them
  std::latch all_done(kOperations);
  on_threads([&](int thread) {
    for (int i = thread; i < kOperations; i += kThreads) {
      results[i] = 1;
      async_tag(
          pump_.executor(), [&](void* tag) { set_due(alarms[i], pump_.queue(), tag); },
          [&, i](bool ok) {
            results[i] += ok ? 1 : 0;
            all_done.count_down();
          });
    }
  });
  all_done.wait();
  EXPECT_EQ(results, std::vector<int>(kOperations, 2));
}

TEST_F(StressTest, CoroutinesHopBetweenStrandQueueAndWorkers) {
  WorkerPool workers({.threads = 2}, logger_);
  Gate gate;
  std::atomic<int> finished{0};
  const auto session = [&](Gate::Pass pass) -> asio::awaitable<void> {
    int state = 0;  // touched on the strand and on the workers in turn
    for (int round = 0; round < 50; ++round) {
      grpc::Alarm alarm;
      const bool ok = co_await async_tag(pump_.executor(),
                                         [&](void* tag) { set_due(alarm, pump_.queue(), tag); });
      state += ok ? 1 : 0;
      co_await run_on(workers.executor(), [&state] { ++state; });
    }
    finished += state == 100 ? 1 : 0;
    pass = {};
  };
  for (int i = 0; i < 8; ++i) {
    asio::co_spawn(asio::make_strand(io_context_), session(gate.try_enter()), asio::detached);
  }
  std::latch closed(1);
  gate.async_close(asio::bind_executor(CallingThreadExecutor(logger_, "the test's handler"),
                                       [&] { closed.count_down(); }));
  closed.wait();
  EXPECT_EQ(finished, 8);
}

TEST_F(StressTest, CancellingRacesWithCompleting) {
  // pump                         strand
  //   event ──on_event──┐          emit ── Alarm::Cancel
  //                     └─post──▶  handler, slot let go
  std::latch all_done(kRounds);
  struct Operation {
    explicit Operation(asio::io_context& io_context) : strand(asio::make_strand(io_context)) {}
    asio::strand<asio::io_context::executor_type> strand;
    asio::cancellation_signal signal;
    grpc::Alarm alarm;
  };
  std::vector<std::unique_ptr<Operation>> operations;
  for (int i = 0; i < kRounds; ++i) {
    operations.push_back(std::make_unique<Operation>(io_context_));
  }
  for (int i = 0; i < kRounds; ++i) {
    Operation& operation = *operations[i];
    asio::post(operation.strand, [&, i] {
      async_tag(
          pump_.executor(),
          [&, i](void* tag) {
            i % 2 == 0 ? set_due(operation.alarm, pump_.queue(), tag)
                       : set_far_off(operation.alarm, pump_.queue(), tag);
          },
          [&] { operation.alarm.Cancel(); },
          asio::bind_executor(operation.strand,
                              asio::bind_cancellation_slot(operation.signal.slot(),
                                                           [&](bool) { all_done.count_down(); })));
    });
    asio::post(operation.strand, [&] { operation.signal.emit(asio::cancellation_type::terminal); });
  }
  all_done.wait();
}

TEST_F(StressTest, AGateClosesOnceWhileOthersComeAndGo) {
  for (int round = 0; round < kRounds; ++round) {
    auto gate = std::make_unique<Gate>();
    std::atomic<int> inside{0};
    std::latch closed(1);
    on_threads([&](int thread) {
      if (thread == 0) {
        gate->async_close(
            asio::bind_executor(CallingThreadExecutor(logger_, "the test's handler"), [&] {
              EXPECT_EQ(inside, 0);
              closed.count_down();
            }));
      }
      while (Gate::Pass pass = gate->try_enter()) {
        ++inside;
        --inside;
      }
    });
    closed.wait();
  }
}

TEST(PumpStressTest, ShutsDownWhileOperationsArePending) {
  for (int round = 0; round < 20; ++round) {
    asio::io_context io_context;
    CompletionQueuePump pump(io_context, std::make_unique<grpc::CompletionQueue>());
    std::vector<grpc::Alarm> alarms(20);
    std::atomic<int> completed{0};
    bool drained = false;
    pump.async_run([&] { drained = true; });
    for (grpc::Alarm& alarm : alarms) {
      async_tag(
          pump.executor(), [&](void* tag) { set_far_off(alarm, pump.queue(), tag); },
          [&](bool) { ++completed; });
    }
    std::jthread first([&] { io_context.run(); });
    std::jthread second([&] { io_context.run(); });
    pump.shutdown();
    for (grpc::Alarm& alarm : alarms) {
      alarm.Cancel();
    }
    first.join();
    second.join();
    EXPECT_TRUE(drained);
    EXPECT_EQ(completed, 20);
  }
}

TEST(WorkerPoolStressTest, RunsWhatManyThreadsPostAndWhatThatPosts) {
  RecordingLogger logger;
  std::atomic<int> ran{0};
  {
    WorkerPool pool({.threads = kThreads}, logger);
    std::vector<std::jthread> posters;
    for (int i = 0; i < kThreads; ++i) {
      const auto post_twice = [&pool, &ran] {
        ++ran;
        asio::post(pool.executor(), [&ran] { ++ran; });
      };
      posters.emplace_back([&pool, post_twice] {
        for (int round = 0; round < kRounds; ++round) {
          asio::post(pool.executor(), post_twice);
        }
      });
    }
  }
  EXPECT_EQ(ran, 2 * kThreads * kRounds);
}

}  // namespace
}  // namespace compiler_gym
