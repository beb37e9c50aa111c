#include "core/unique_handler.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_allocator.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <memory>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "core/calling_thread_executor.h"
#include "tests/core/counting_allocator.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using testing::AllocationCounts;
using testing::CountingAllocator;

class UniqueHandlerTest : public ::testing::Test {
 protected:
  testing::RecordingLogger logger_;
  const CallingThreadExecutor here_{logger_, "the test's handler"};
};

TEST_F(UniqueHandlerTest, IsEmptyUntilItHoldsAHandlerAndOnceItWasCalled) {
  UniqueHandler<void()> handler;
  EXPECT_FALSE(handler);
  handler = UniqueHandler<void()>([] {}, here_);
  EXPECT_TRUE(handler);
  handler();
  EXPECT_FALSE(handler);
}

TEST_F(UniqueHandlerTest, OnTheCallingThreadItRunsInsideTheCall) {
  int result = 0;
  UniqueHandler<void(int)> handler([&](int value) { result = value; }, here_);
  handler(7);
  EXPECT_EQ(result, 7);
}

// With Asio's own default, system_executor, the process would end here.
TEST_F(UniqueHandlerTest, WhatAHandlerThrowsOnTheCallingThreadIsLoggedWithItsPlaceAndNoMore) {
  UniqueHandler<void()> thrower([] { throw std::runtime_error("no reply wanted"); }, here_);
  EXPECT_NO_THROW(thrower());
  EXPECT_EQ(
      logger_.count(LogLevel::kError, "the test's handler: Unhandled exception: no reply wanted"),
      1)
      << logger_.text();
  bool called = false;
  UniqueHandler<void()> next([&] { called = true; }, here_);
  next();
  EXPECT_TRUE(called);
}

TEST_F(UniqueHandlerTest, TellsHandlersThatHaveAnExecutorFromThoseThatHaveNone) {
  const auto bare = [] {};
  const auto bound = asio::bind_executor(here_, bare);
  EXPECT_FALSE(internal::kHasExecutor<std::decay_t<decltype(bare)>>);
  EXPECT_TRUE(internal::kHasExecutor<std::decay_t<decltype(bound)>>);
}

TEST_F(UniqueHandlerTest, PassesOnWhatCanOnlyBeMoved) {
  std::string result;
  UniqueHandler<void(std::unique_ptr<int>, std::string)> handler(
      [&, own = std::make_unique<int>(1)](std::unique_ptr<int> value, std::string text) {
        result = text + std::to_string(*own + *value);
      },
      here_);
  handler(std::make_unique<int>(2), "sum ");
  EXPECT_EQ(result, "sum 3");
}

TEST_F(UniqueHandlerTest, MovingLeavesTheSourceEmpty) {
  int calls = 0;
  UniqueHandler<void()> first([&] { ++calls; }, here_);
  UniqueHandler<void()> second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what is tested
  second();
  EXPECT_EQ(calls, 1);
}

TEST_F(UniqueHandlerTest, AssigningDestroysWhatWasHeldWithoutCallingIt) {
  bool called = false;
  auto state = std::make_shared<int>();
  UniqueHandler<void()> handler([&called, state] { called = true; }, here_);
  EXPECT_EQ(state.use_count(), 2);
  handler = UniqueHandler<void()>([] {}, here_);
  EXPECT_EQ(state.use_count(), 1);
  EXPECT_FALSE(called);
}

TEST_F(UniqueHandlerTest, DispatchesToTheAssociatedExecutor) {
  asio::io_context io_context;
  auto strand = asio::make_strand(io_context);
  bool on_strand = false;
  UniqueHandler<void()> handler(
      asio::bind_executor(strand, [&] { on_strand = strand.running_in_this_thread(); }));
  handler();
  EXPECT_FALSE(on_strand);
  io_context.run();
  EXPECT_TRUE(on_strand);
}

TEST_F(UniqueHandlerTest, DispatchesToTheFallbackIfTheHandlerHasNoExecutor) {
  asio::io_context io_context;
  std::string order;
  UniqueHandler<void()> handler([&] { order += "handler "; }, io_context.get_executor());
  asio::post(io_context, [&] {
    handler();  // on the fallback's own thread: inline
    order += "called";
  });
  io_context.run();
  EXPECT_EQ(order, "handler called");
}

TEST_F(UniqueHandlerTest, KeepsTheExecutorBusyUntilItIsCalledOrDestroyed) {
  asio::io_context io_context;
  UniqueHandler<void()> handler(asio::bind_executor(io_context.get_executor(), [] {}));
  io_context.poll();
  EXPECT_FALSE(io_context.stopped());
  handler = {};
  io_context.poll();
  EXPECT_TRUE(io_context.stopped());
}

TEST_F(UniqueHandlerTest, GivesItsMemoryBackBeforeTheHandlerRuns) {
  AllocationCounts counts;
  int live_in_handler = -1;
  UniqueHandler<void()> handler(
      asio::bind_allocator(CountingAllocator<void>(counts), [&] { live_in_handler = counts.live; }),
      here_);
  EXPECT_EQ(counts.live, 1);
  handler();
  EXPECT_EQ(live_in_handler, 0);
  EXPECT_EQ(counts.total, 1);
}

TEST_F(UniqueHandlerTest, GivesItsMemoryBackWhenDestroyed) {
  AllocationCounts counts;
  {
    UniqueHandler<void()> handler(asio::bind_allocator(CountingAllocator<void>(counts), [] {}),
                                  here_);
    EXPECT_EQ(counts.live, 1);
  }
  EXPECT_EQ(counts.live, 0);
}

// An allocator that lives in its handler's own state, as a type-erased handler has it.
struct HandlerOwningItsMemory {
  using allocator_type = CountingAllocator<void>;
  [[nodiscard]] allocator_type get_allocator() const noexcept { return allocator_type(*counts); }
  void operator()() const {}

  std::shared_ptr<AllocationCounts> counts;
};

TEST_F(UniqueHandlerTest, TheAllocatorMayBeReachableThroughTheHandlerOnly) {
  auto counts = std::make_shared<AllocationCounts>();
  UniqueHandler<void()> called(HandlerOwningItsMemory{counts}, here_);
  called();
  {
    UniqueHandler<void()> destroyed(HandlerOwningItsMemory{counts}, here_);
  }
  EXPECT_EQ(counts->total, 2);
  EXPECT_EQ(counts->live, 0);
}

TEST_F(UniqueHandlerTest, AHandlerThatCannotBeStoredLeavesNothingBehind) {
  struct ThrowsWhenCopied {
    ThrowsWhenCopied() = default;
    ThrowsWhenCopied(ThrowsWhenCopied&&) = default;
    ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error("no copies"); }
    void operator()() const {}
  };
  AllocationCounts counts;
  const auto handler = asio::bind_allocator(CountingAllocator<void>(counts), ThrowsWhenCopied());
  EXPECT_THROW((UniqueHandler<void()>{handler, here_}), std::runtime_error);
  EXPECT_EQ(counts.live, 0);
}

}  // namespace
}  // namespace compiler_gym
