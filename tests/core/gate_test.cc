#include "core/gate.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_executor.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <optional>
#include <utility>

#include "core/calling_thread_executor.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

class GateTest : public ::testing::Test {
 protected:
  /// Closes it with a handler that runs where the last pass is given back.
  template <typename Handler>
  void close(Gate& gate, Handler handler) {
    gate.async_close(asio::bind_executor(here_, std::move(handler)));
  }

  testing::RecordingLogger logger_;
  const CallingThreadExecutor here_{logger_, "the test's handler"};
};

TEST_F(GateTest, CountsWhoIsInside) {
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

TEST_F(GateTest, AMovedPassIsGivenBackOnce) {
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

TEST_F(GateTest, LetsNobodyInOnceClosed) {
  Gate gate;
  close(gate, [] {});
  EXPECT_FALSE(gate.try_enter());
  EXPECT_EQ(gate.count(), 0U);
}

TEST_F(GateTest, ClosingAnEmptyOneCompletesAtOnce) {
  Gate gate;
  bool closed = false;
  close(gate, [&] { closed = true; });
  EXPECT_TRUE(closed);
}

TEST_F(GateTest, ClosingCompletesWithTheLastPassAndNotBefore) {
  Gate gate;
  Gate::Pass first = gate.try_enter();
  Gate::Pass second = gate.try_enter();
  bool closed = false;
  close(gate, [&] { closed = true; });
  first = {};
  EXPECT_FALSE(closed);
  EXPECT_FALSE(gate.try_enter()) << "closed to newcomers while some are inside";
  second = {};
  EXPECT_TRUE(closed);
}

TEST_F(GateTest, EveryoneWhoClosesItIsTold) {
  Gate gate;
  Gate::Pass pass = gate.try_enter();
  int told = 0;
  close(gate, [&] { ++told; });
  close(gate, [&] { ++told; });
  EXPECT_EQ(told, 0);
  pass = {};
  EXPECT_EQ(told, 2);
  close(gate, [&] { ++told; });  // later still: at once
  EXPECT_EQ(told, 3);
}

TEST_F(GateTest, AHandlerMayDestroyTheGate) {
  std::optional<Gate> gate(std::in_place);
  bool second_told = false;
  Gate::Pass pass = gate->try_enter();
  close(*gate, [&] { gate.reset(); });
  close(*gate, [&] { second_told = true; });
  pass = {};
  EXPECT_FALSE(gate.has_value());
  EXPECT_TRUE(second_told);
}

TEST_F(GateTest, AHandlerRunsOnItsExecutor) {
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

TEST_F(GateTest, IsAwaited) {
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
