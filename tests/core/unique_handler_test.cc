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

#include "tests/core/counting_allocator.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using testing::AllocationCounts;
using testing::CountingAllocator;

TEST(UniqueHandlerTest, IsEmptyUntilItHoldsAHandlerAndOnceItWasCalled) {
  UniqueHandler<void()> handler;
  EXPECT_FALSE(handler);
  handler = UniqueHandler<void()>([] {});
  EXPECT_TRUE(handler);
  handler();
  EXPECT_FALSE(handler);
}

TEST(UniqueHandlerTest, AHandlerWithoutAnExecutorRunsInsideTheCall) {
  int result = 0;
  UniqueHandler<void(int)> handler([&](int value) { result = value; });
  handler(7);
  EXPECT_EQ(result, 7);
}

TEST(UniqueHandlerTest, PassesOnWhatCanOnlyBeMoved) {
  std::string result;
  UniqueHandler<void(std::unique_ptr<int>, std::string)> handler(
      [&, own = std::make_unique<int>(1)](std::unique_ptr<int> value, std::string text) {
        result = text + std::to_string(*own + *value);
      });
  handler(std::make_unique<int>(2), "sum ");
  EXPECT_EQ(result, "sum 3");
}

TEST(UniqueHandlerTest, MovingLeavesTheSourceEmpty) {
  int calls = 0;
  UniqueHandler<void()> first([&] { ++calls; });
  UniqueHandler<void()> second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what is tested
  second();
  EXPECT_EQ(calls, 1);
}

TEST(UniqueHandlerTest, AssigningDestroysWhatWasHeldWithoutCallingIt) {
  bool called = false;
  auto state = std::make_shared<int>();
  UniqueHandler<void()> handler([&called, state] { called = true; });
  EXPECT_EQ(state.use_count(), 2);
  handler = UniqueHandler<void()>([] {});
  EXPECT_EQ(state.use_count(), 1);
  EXPECT_FALSE(called);
}

TEST(UniqueHandlerTest, DispatchesToTheAssociatedExecutor) {
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

TEST(UniqueHandlerTest, DispatchesToTheFallbackIfTheHandlerHasNoExecutor) {
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

TEST(UniqueHandlerTest, KeepsTheExecutorBusyUntilItIsCalledOrDestroyed) {
  asio::io_context io_context;
  UniqueHandler<void()> handler(asio::bind_executor(io_context.get_executor(), [] {}));
  io_context.poll();
  EXPECT_FALSE(io_context.stopped());
  handler = {};
  io_context.poll();
  EXPECT_TRUE(io_context.stopped());
}

TEST(UniqueHandlerTest, GivesItsMemoryBackBeforeTheHandlerRuns) {
  AllocationCounts counts;
  int live_in_handler = -1;
  UniqueHandler<void()> handler(asio::bind_allocator(CountingAllocator<void>(counts),
                                                     [&] { live_in_handler = counts.live; }));
  EXPECT_EQ(counts.live, 1);
  handler();
  EXPECT_EQ(live_in_handler, 0);
  EXPECT_EQ(counts.total, 1);
}

TEST(UniqueHandlerTest, GivesItsMemoryBackWhenDestroyed) {
  AllocationCounts counts;
  {
    UniqueHandler<void()> handler(asio::bind_allocator(CountingAllocator<void>(counts), [] {}));
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

TEST(UniqueHandlerTest, TheAllocatorMayBeReachableThroughTheHandlerOnly) {
  auto counts = std::make_shared<AllocationCounts>();
  UniqueHandler<void()> called(HandlerOwningItsMemory{counts});
  called();
  {
    UniqueHandler<void()> destroyed(HandlerOwningItsMemory{counts});
  }
  EXPECT_EQ(counts->total, 2);
  EXPECT_EQ(counts->live, 0);
}

TEST(UniqueHandlerTest, AHandlerThatCannotBeStoredLeavesNothingBehind) {
  struct ThrowsWhenCopied {
    ThrowsWhenCopied() = default;
    ThrowsWhenCopied(ThrowsWhenCopied&&) = default;
    ThrowsWhenCopied(const ThrowsWhenCopied&) { throw std::runtime_error("no copies"); }
    void operator()() const {}
  };
  AllocationCounts counts;
  const auto handler = asio::bind_allocator(CountingAllocator<void>(counts), ThrowsWhenCopied());
  EXPECT_THROW(UniqueHandler<void()>{handler}, std::runtime_error);
  EXPECT_EQ(counts.live, 0);
}

}  // namespace
}  // namespace compiler_gym
