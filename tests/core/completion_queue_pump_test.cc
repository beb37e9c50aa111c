#include "core/completion_queue_pump.h"

#include <gtest/gtest.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <future>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>

#include "tests/core/alarms.h"
#include "tests/core/function_tag.h"
#include "tests/support/poll.h"

namespace compiler_gym {
namespace {

using testing::FunctionTag;
using testing::kWatchdog;
using testing::poll_until;
using testing::set_due;
using testing::set_far_off;

// A pump, driven by the test's own thread.
class CompletionQueuePumpTest : public ::testing::Test {
 protected:
  explicit CompletionQueuePumpTest(
      CompletionQueuePumpOptions options = {.max_wait = std::chrono::milliseconds(1)})
      : pump_(std::in_place, io_context_, std::make_unique<grpc::CompletionQueue>(), options) {}

  ~CompletionQueuePumpTest() override {
    if (pump_) {
      pump_->shutdown();
    }
    io_context_.restart();
    io_context_.run();  // returns, or the pump did not let go of the loop
  }

  void run_pump() {
    pump_->async_run([this] { drained_ = true; });
  }

  boost::asio::io_context io_context_;
  std::optional<CompletionQueuePump> pump_;
  bool drained_ = false;
};

TEST_F(CompletionQueuePumpTest, RunsTheTagOfAnEventWithItsOk) {
  std::optional<bool> fired_ok;
  std::optional<bool> cancelled_ok;
  FunctionTag fired([&](bool ok) { fired_ok = ok; });
  FunctionTag cancelled([&](bool ok) { cancelled_ok = ok; });
  grpc::Alarm first;
  grpc::Alarm second;
  set_due(first, pump_->queue(), fired.armed());
  set_far_off(second, pump_->queue(), cancelled.armed());

  run_pump();
  poll_until(io_context_, [&] { return fired_ok.has_value(); });
  EXPECT_EQ(fired_ok, true);
  EXPECT_FALSE(cancelled_ok.has_value());

  second.Cancel();
  poll_until(io_context_, [&] { return cancelled_ok.has_value(); });
  EXPECT_EQ(cancelled_ok, false);
}

TEST_F(CompletionQueuePumpTest, IsDrainedOnlyWhenThePendingEventHasBeenRead) {
  int events = 0;
  FunctionTag tag([&](bool) { ++events; });
  grpc::Alarm alarm;
  set_far_off(alarm, pump_->queue(), tag.armed());
  run_pump();
  pump_->shutdown();
  pump_->shutdown();  // idempotent

  for (int turns = 0; turns < 3; ++turns) {
    io_context_.run_one();
  }
  EXPECT_FALSE(drained_) << "an event is still to come";

  alarm.Cancel();
  poll_until(io_context_, [&] { return drained_; });
  EXPECT_EQ(events, 1);
  io_context_.poll();
  EXPECT_TRUE(io_context_.stopped()) << "no work is left behind";
}

TEST_F(CompletionQueuePumpTest, ShutDownBeforeItRunsItDrainsAtOnce) {
  pump_->shutdown();
  run_pump();
  poll_until(io_context_, [&] { return drained_; });
}

TEST_F(CompletionQueuePumpTest, AThrowingTagLeavesRunAndTheNextTurnFollows) {
  bool second_ran = false;
  FunctionTag throwing([](bool) { throw std::runtime_error("from a tag"); });
  FunctionTag second([&](bool) { second_ran = true; });
  std::array<grpc::Alarm, 2> alarms;
  set_due(alarms[0], pump_->queue(), throwing.armed());
  set_due(alarms[1], pump_->queue(), second.armed());

  run_pump();
  EXPECT_THROW(io_context_.run(), std::runtime_error);
  poll_until(io_context_, [&] { return second_ran; });
}

TEST_F(CompletionQueuePumpTest, TheHandlerOfAsyncRunMayDestroyThePump) {
  pump_->async_run([this] { pump_.reset(); });
  pump_->shutdown();
  poll_until(io_context_, [&] { return !pump_.has_value(); });
}

TEST_F(CompletionQueuePumpTest, DestroyedWithoutHavingRunItReadsWhatIsLeft) {
  int events = 0;
  FunctionTag tag([&](bool) { ++events; });
  std::array<grpc::Alarm, 2> alarms;
  set_due(alarms[0], pump_->queue(), tag.armed());
  set_far_off(alarms[1], pump_->queue(), tag.armed());
  alarms[1].Cancel();

  pump_.reset();
  EXPECT_EQ(events, 2);
}

class SmallTurnsTest : public CompletionQueuePumpTest {
 protected:
  SmallTurnsTest()
      : CompletionQueuePumpTest(
            {.max_wait = std::chrono::milliseconds(1), .max_events_per_turn = 2}) {}
};

TEST_F(SmallTurnsTest, OtherHandlersGetTheirTurnBetweenBatchesOfEvents) {
  std::string order;
  FunctionTag tag([&](bool) { order += 'e'; });
  std::array<grpc::Alarm, 5> alarms;
  for (grpc::Alarm& alarm : alarms) {
    set_due(alarm, pump_->queue(), tag.armed());
  }

  run_pump();
  boost::asio::post(io_context_, [&] {
    order += " other ";
    boost::asio::post(io_context_, [&] { order += " another "; });
  });
  poll_until(io_context_,
             [&] { return order.size() == std::string("ee other ee another e").size(); });
  EXPECT_EQ(order, "ee other ee another e");
}

class UnboundedWaitTest : public CompletionQueuePumpTest {
 protected:
  UnboundedWaitTest() : CompletionQueuePumpTest({.max_wait = std::nullopt}) {}
};

TEST_F(UnboundedWaitTest, ATurnThatHadAnEventEndsWithoutWaitingForAnother) {
  FunctionTag tag([](bool) {});
  grpc::Alarm due;
  set_due(due, pump_->queue(), tag.armed());
  run_pump();

  std::future<void> turn = std::async(std::launch::async, [&] { io_context_.run_one(); });
  EXPECT_EQ(turn.wait_for(kWatchdog), std::future_status::ready);
  pump_->shutdown();  // so that the thread ends even then
}

TEST_F(UnboundedWaitTest, EndsWithAnEventAndWithTheQueue) {
  run_pump();
  FunctionTag tag([](bool) {});
  grpc::Alarm due;
  const auto turn = [this] {
    return std::async(std::launch::async, [this] { io_context_.run_one(); });
  };
  std::future<void> first = turn();
  set_due(due, pump_->queue(), tag.armed());
  EXPECT_EQ(first.wait_for(kWatchdog), std::future_status::ready);

  std::future<void> second = turn();
  pump_->shutdown();
  EXPECT_EQ(second.wait_for(kWatchdog), std::future_status::ready);
  EXPECT_TRUE(drained_);
}

}  // namespace
}  // namespace compiler_gym
