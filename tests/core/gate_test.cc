#include "core/gate.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

TEST(GateTest, CountsWhoIsInside) {
  Gate gate;
  EXPECT_EQ(gate.count(), 0U);
  Gate::Pass first = gate.try_enter();
  EXPECT_TRUE(first);
  {
    const Gate::Pass second = gate.try_enter();
    EXPECT_EQ(gate.count(), 2U);
  }
  EXPECT_EQ(gate.count(), 1U);
}

TEST(GateTest, AMovedPassIsGivenBackOnce) {
  Gate gate;
  Gate::Pass first = gate.try_enter();
  Gate::Pass second(std::move(first));
  EXPECT_FALSE(first);  // NOLINT(bugprone-use-after-move): what is tested
  EXPECT_EQ(gate.count(), 1U);
  second = gate.try_enter();  // gives the one it had back
  EXPECT_EQ(gate.count(), 1U);
  second = {};
  EXPECT_EQ(gate.count(), 0U);
}

TEST(GateTest, LetsNobodyInOnceClosed) {
  Gate gate;
  gate.async_close([] {});
  EXPECT_FALSE(gate.try_enter());
  EXPECT_EQ(gate.count(), 0U);
}

TEST(GateTest, ClosingAnEmptyOneCompletesAtOnce) {
  Gate gate;
  bool closed = false;
  gate.async_close([&] { closed = true; });
  EXPECT_TRUE(closed);
}

TEST(GateTest, ClosingCompletesWithTheLastPassAndNotBefore) {
  Gate gate;
  Gate::Pass first = gate.try_enter();
  Gate::Pass second = gate.try_enter();
  bool closed = false;
  gate.async_close([&] { closed = true; });
  first = {};
  EXPECT_FALSE(closed);
  EXPECT_FALSE(gate.try_enter()) << "closed to newcomers while some are inside";
  second = {};
  EXPECT_TRUE(closed);
}

TEST(GateTest, EveryoneWhoClosesItIsTold) {
  Gate gate;
  Gate::Pass pass = gate.try_enter();
  int told = 0;
  gate.async_close([&] { ++told; });
  gate.async_close([&] { ++told; });
  EXPECT_EQ(told, 0);
  pass = {};
  EXPECT_EQ(told, 2);
  gate.async_close([&] { ++told; });  // later still: at once
  EXPECT_EQ(told, 3);
}

TEST(GateTest, AHandlerMayDestroyTheGate) {
  std::optional<Gate> gate(std::in_place);
  bool second_told = false;
  Gate::Pass pass = gate->try_enter();
  gate->async_close([&] { gate.reset(); });
  gate->async_close([&] { second_told = true; });
  pass = {};
  EXPECT_FALSE(gate.has_value());
  EXPECT_TRUE(second_told);
}

TEST(GateTest, AHandlerRunsOnItsExecutor) {
  asio::io_context io_context;
  Gate gate;
  Gate::Pass pass = gate.try_enter();
  bool closed = false;
  gate.async_close(asio::bind_executor(io_context.get_executor(), [&] { closed = true; }));
  pass = {};
  EXPECT_FALSE(closed);
  io_context.run();
  EXPECT_TRUE(closed);
}

TEST(GateTest, IsAwaited) {
  asio::io_context io_context;
  Gate gate;
  Gate::Pass pass = gate.try_enter();
  bool closed = false;
  asio::co_spawn(
      io_context,
      [&]() -> asio::awaitable<void> { co_await gate.async_close(asio::use_awaitable); },
      [&](std::exception_ptr error) {
        EXPECT_FALSE(error);
        closed = true;
      });
  io_context.poll();
  EXPECT_FALSE(closed);
  pass = {};
  io_context.run();
  EXPECT_TRUE(closed);
}

}  // namespace
}  // namespace compiler_gym
