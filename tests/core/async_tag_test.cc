#include "core/async_tag.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/deferred.hpp>
#include <boost/asio/detached.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_future.hpp>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "core/completion_queue_pump.h"
#include "tests/core/alarms.h"
#include "tests/core/counting_allocator.h"
#include "tests/support/poll.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using testing::AllocationCounts;
using testing::CountingAllocator;
using testing::poll_until;
using testing::set_due;
using testing::set_far_off;

// ------------------------------------------------------------- with an event the test makes itself

// The test plays gRPC: it keeps the tag of the operation, and completes it when it likes.
class AsyncTagTest : public ::testing::Test {
 protected:
  ~AsyncTagTest() override {
    io_context_.restart();
    io_context_.run();  // returns, or something is still pending
  }

  auto initiate() {
    return [this](void* tag) { tag_ = tag; };
  }

  // As the pump does.
  void complete(bool ok) { CompletionTag::from_queue(tag_).on_event(ok); }
  void complete_on_the_loop(bool ok) {
    asio::post(io_context_, [this, ok] { complete(ok); });
    io_context_.restart();
    io_context_.poll();
  }

  asio::io_context io_context_;
  void* tag_ = nullptr;
};

TEST_F(AsyncTagTest, CompletesWithTheOkOfTheEvent) {
  for (const bool ok : {true, false}) {
    std::optional<bool> result;
    async_tag(io_context_.get_executor(), initiate(), [&](bool event_ok) { result = event_ok; });
    EXPECT_FALSE(result.has_value());
    complete_on_the_loop(ok);
    EXPECT_EQ(result, ok);
  }
}

TEST_F(AsyncTagTest, RunsTheHandlerInlineOnAThreadOfItsExecutor) {
  std::string order;
  async_tag(io_context_.get_executor(), initiate(), [&](bool) { order += "handler "; });
  asio::post(io_context_, [&] {
    asio::post(io_context_, [&] { order += "posted"; });
    complete(true);
    order += "completed ";
  });
  io_context_.run();
  EXPECT_EQ(order, "handler completed posted");
}

TEST_F(AsyncTagTest, PostsTheHandlerFromAThreadThatIsNotItsExecutors) {
  bool ran = false;
  async_tag(io_context_.get_executor(), initiate(), [&](bool) { ran = true; });
  complete(true);
  EXPECT_FALSE(ran);
  io_context_.poll();
  EXPECT_TRUE(ran);
}

TEST_F(AsyncTagTest, RunsTheHandlerOnItsAssociatedExecutor) {
  auto strand = asio::make_strand(io_context_);
  bool on_strand = false;
  async_tag(io_context_.get_executor(), initiate(), asio::bind_executor(strand, [&](bool) {
              on_strand = strand.running_in_this_thread();
            }));
  complete_on_the_loop(true);
  EXPECT_TRUE(on_strand);
}

TEST_F(AsyncTagTest, KeepsTheExecutorOfAPendingHandlerBusy) {
  asio::io_context handlers_own;
  async_tag(io_context_.get_executor(), initiate(),
            asio::bind_executor(handlers_own.get_executor(), [](bool) {}));
  handlers_own.poll();
  EXPECT_FALSE(handlers_own.stopped());
  complete(true);
  handlers_own.run();
  EXPECT_TRUE(handlers_own.stopped());
}

TEST_F(AsyncTagTest, TakesMemoryFromTheHandlersAllocatorAndGivesItBackBeforeTheHandlerRuns) {
  AllocationCounts counts;
  AllocationCounts seen_by_handler{.live = -1};
  async_tag(io_context_.get_executor(), initiate(),
            asio::bind_allocator(CountingAllocator<void>(counts),
                                 [&](bool) { seen_by_handler = counts; }));
  EXPECT_EQ(counts.live, 1);
  complete_on_the_loop(true);
  EXPECT_EQ(seen_by_handler.live, 0);
  EXPECT_EQ(counts.total, 1) << "completing on the executor's own thread allocates nothing";
}

TEST_F(AsyncTagTest, AlsoQueuesTheHandlerInItsAllocatorsMemory) {
  AllocationCounts counts;
  async_tag(io_context_.get_executor(), initiate(),
            asio::bind_allocator(CountingAllocator<void>(counts), [](bool) {}));
  complete(true);  // not from the loop, so that it must be queued
  EXPECT_EQ(counts.total, 2);
  EXPECT_EQ(counts.live, 1);
  io_context_.poll();
  EXPECT_EQ(counts.live, 0);
}

TEST_F(AsyncTagTest, TakesAHandlerThatCanOnlyBeMovedAndCalledOnce) {
  struct Handler {
    std::unique_ptr<int> value;
    int& result;
    void operator()(bool) && { result = *value; }
  };
  int result = 0;
  async_tag(io_context_.get_executor(), initiate(), Handler{std::make_unique<int>(7), result});
  complete_on_the_loop(true);
  EXPECT_EQ(result, 7);
}

TEST_F(AsyncTagTest, DeferredStartsWhenItIsCalled) {
  std::optional<bool> result;
  auto operation = async_tag(io_context_.get_executor(), initiate(), asio::deferred);
  EXPECT_EQ(tag_, nullptr);
  std::move(operation)([&](bool ok) { result = ok; });
  ASSERT_NE(tag_, nullptr);
  complete_on_the_loop(true);
  EXPECT_EQ(result, true);
}

TEST_F(AsyncTagTest, UseFutureMakesTheFutureReady) {
  std::future<bool> result = async_tag(io_context_.get_executor(), initiate(), asio::use_future);
  complete_on_the_loop(true);
  EXPECT_TRUE(testing::get_within_watchdog(std::move(result)));
}

// -------------------------------------------------------------------------------------- cancelling

class AsyncTagCancelTest : public AsyncTagTest {
 protected:
  template <typename Handler>
  void start(Handler handler) {
    async_tag(
        io_context_.get_executor(), initiate(), [this] { ++cancels_; },
        asio::bind_cancellation_slot(signal_.slot(), std::move(handler)));
  }

  asio::cancellation_signal signal_;
  int cancels_ = 0;
};

TEST_F(AsyncTagCancelTest, CancelsForEveryTypeButNone) {
  start([](bool) {});
  signal_.emit(asio::cancellation_type::none);
  EXPECT_EQ(cancels_, 0);
  signal_.emit(asio::cancellation_type::total);
  signal_.emit(asio::cancellation_type::partial);
  signal_.emit(asio::cancellation_type::terminal);
  EXPECT_EQ(cancels_, 3);
  complete_on_the_loop(false);
}

TEST_F(AsyncTagCancelTest, CompletesOnlyWithTheEventThatFollows) {
  std::optional<bool> result;
  start([&](bool ok) { result = ok; });
  signal_.emit(asio::cancellation_type::terminal);
  io_context_.poll();
  EXPECT_FALSE(result.has_value());
  complete_on_the_loop(false);
  EXPECT_EQ(result, false);
}

TEST_F(AsyncTagCancelTest, NoLongerListensWhenTheHandlerRuns) {
  bool listening_in_handler = true;
  start([&](bool) { listening_in_handler = signal_.slot().has_handler(); });
  EXPECT_TRUE(signal_.slot().has_handler());
  complete_on_the_loop(true);
  EXPECT_FALSE(listening_in_handler);
}

TEST_F(AsyncTagCancelTest, LetsGoOfTheSlotOnTheHandlersExecutorOnly) {
  // pump (this thread)     handler's executor
  //   on_event(true) ──post──┐
  //                          │ signal.emit may run here, so on_event() must not touch the slot
  //                          └ handler
  start([](bool) {});
  complete(true);
  EXPECT_TRUE(signal_.slot().has_handler());
  io_context_.poll();
  EXPECT_FALSE(signal_.slot().has_handler());
}

TEST_F(AsyncTagCancelTest, WithoutCancelASignalIsIgnored) {
  std::optional<bool> result;
  async_tag(io_context_.get_executor(), initiate(),
            asio::bind_cancellation_slot(signal_.slot(), [&](bool ok) { result = ok; }));
  signal_.emit(asio::cancellation_type::terminal);
  complete_on_the_loop(true);
  EXPECT_EQ(result, true);
}

// ------------------------------------------------------------------- an operation that won't start

TEST_F(AsyncTagCancelTest, AnInitiationThatThrowsLeavesNothingBehind) {
  AllocationCounts counts;
  bool called = false;
  EXPECT_THROW(async_tag(
                   io_context_.get_executor(), [](void*) { throw std::runtime_error("not today"); },
                   [this] { ++cancels_; },
                   asio::bind_cancellation_slot(
                       signal_.slot(), asio::bind_allocator(CountingAllocator<void>(counts),
                                                            [&](bool) { called = true; }))),
               std::runtime_error);
  EXPECT_EQ(counts.total, 1);
  EXPECT_EQ(counts.live, 0);
  EXPECT_FALSE(signal_.slot().has_handler());
  io_context_.poll();
  EXPECT_TRUE(io_context_.stopped());
  EXPECT_FALSE(called);
}

// --------------------------------------------------------------------------- with gRPC, in earnest

class AlarmTest : public ::testing::Test {
 protected:
  AlarmTest() {
    pump_.async_run([] {});
  }
  ~AlarmTest() override {
    pump_.shutdown();
    io_context_.restart();
    io_context_.run();
  }

  asio::awaitable<bool> due() {
    grpc::Alarm alarm;
    co_return co_await async_tag(pump_.executor(),
                                 [&](void* tag) { set_due(alarm, pump_.queue(), tag); });
  }

  asio::awaitable<bool> far_off() {
    grpc::Alarm alarm;
    co_return co_await async_tag(
        pump_.executor(), [&](void* tag) { set_far_off(alarm, pump_.queue(), tag); },
        [&] { alarm.Cancel(); }, asio::use_awaitable);
  }

  asio::io_context io_context_;
  CompletionQueuePump pump_{io_context_,
                            std::make_unique<grpc::CompletionQueue>(),
                            {.max_wait = std::chrono::milliseconds(1)}};
};

TEST_F(AlarmTest, IsAwaited) {
  std::optional<bool> result;
  asio::co_spawn(io_context_, due(), [&](std::exception_ptr error, bool ok) {
    EXPECT_FALSE(error);
    result = ok;
  });
  poll_until(io_context_, [&] { return result.has_value(); });
  EXPECT_EQ(result, true);
}

TEST_F(AlarmTest, ACoroutineOnAStrandComesBackToItsStrand) {
  auto strand = asio::make_strand(io_context_);
  std::optional<bool> on_strand;
  asio::co_spawn(
      strand,
      [&]() -> asio::awaitable<void> {
        co_await due();
        on_strand = strand.running_in_this_thread();
      },
      asio::detached);
  poll_until(io_context_, [&] { return on_strand.has_value(); });
  EXPECT_EQ(on_strand, true);
}

TEST_F(AlarmTest, CancellingACoroutineCancelsTheOperationItAwaits) {
  asio::cancellation_signal stop;
  std::optional<bool> result;
  asio::co_spawn(io_context_, far_off(),
                 asio::bind_cancellation_slot(stop.slot(), [&](std::exception_ptr error, bool ok) {
                   EXPECT_FALSE(error);
                   result = ok;
                 }));
  for (int turns = 0; turns < 5; ++turns) {
    io_context_.run_one();
  }
  EXPECT_FALSE(result.has_value());
  stop.emit(asio::cancellation_type::terminal);
  poll_until(io_context_, [&] { return result.has_value(); });
  EXPECT_EQ(result, false);
}

}  // namespace
}  // namespace compiler_gym
