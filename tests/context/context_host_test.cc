// The life of a service context: what is called, in which order, how often, and with which outcome.
#include "context/context_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <boost/asio/awaitable.hpp>
#include <boost/asio/io_context.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "core/support/status.h"
#include "tests/context/context_host_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using ::testing::ElementsAre;
using ::testing::IsEmpty;
using testing::Latch;
using testing::poll_until;
using testing::settle;

class ContextHostTest : public testing::ContextHostFixture {};

// ------------------------------------------------------------------------------------------ order

TEST_F(ContextHostTest, GoesThroughItsStatesInOrder) {
  Latch in_init;
  Latch finish_init;
  Latch in_shutdown;
  Latch finish_shutdown;
  host_blocking(
      [&] {
        in_init.open();
        finish_init.wait();
        return grpc::Status::OK;
      },
      [&] {
        in_shutdown.open();
        finish_shutdown.wait();
        return grpc::Status::OK;
      });
  EXPECT_EQ(host_->state(), ContextState::kNew);

  const Outcome initialised = init();
  poll_until(io_context_, [&] { return in_init.is_open(); });
  EXPECT_EQ(host_->state(), ContextState::kInitializing);
  EXPECT_FALSE(initialised->has_value());

  finish_init.open();
  EXPECT_EQ(finished(initialised), "OK");
  EXPECT_EQ(host_->state(), ContextState::kRunning);

  const Outcome ended = shut_down();
  poll_until(io_context_, [&] { return in_shutdown.is_open(); });
  EXPECT_EQ(host_->state(), ContextState::kShuttingDown);
  EXPECT_FALSE(ended->has_value());

  finish_shutdown.open();
  EXPECT_EQ(finished(ended), "OK");
  EXPECT_EQ(host_->state(), ContextState::kShutDown);
}

TEST_F(ContextHostTest, GivesAccessToTheContextAndItsWorkingDirectory) {
  auto context = std::make_unique<DefaultCompilerGymServiceContext>("/some/where");
  const CompilerGymServiceContext* const made = context.get();
  make_host(std::move(context));
  EXPECT_EQ(&host_->context(), made);
  EXPECT_EQ(host_->context().workingDirectory(), "/some/where");
  EXPECT_EQ(finished(init()), "OK") << "the default context has nothing to fail at";
  EXPECT_EQ(finished(shut_down()), "OK");
}

TEST_F(ContextHostTest, ShutdownFollowsAFailedInit) {
  host_blocking(recorded("init", not_found("no compiler in /opt")), recorded("shutdown"));
  EXPECT_EQ(finished(init()), "NOT_FOUND: no compiler in /opt");
  EXPECT_EQ(host_->state(), ContextState::kInitFailed);
  EXPECT_THAT(calls_, ElementsAre("init"));
  EXPECT_EQ(finished(shut_down()), "OK");
  EXPECT_THAT(calls_, ElementsAre("init", "shutdown"));
}

TEST_F(ContextHostTest, WithoutAnInitThereIsNoShutdown) {
  host_blocking(recorded("init"), recorded("shutdown"));
  EXPECT_EQ(finished(shut_down()), "OK");
  EXPECT_THAT(calls_, IsEmpty());
  EXPECT_EQ(host_->state(), ContextState::kShutDown);
}

TEST_F(ContextHostTest, ASecondInitIsRefusedWhateverBecameOfTheFirst) {
  constexpr auto* kRefusal = "FAILED_PRECONDITION: the service context was initialised before";
  Latch finish_init;
  host_blocking([&] {
    calls_.emplace_back("init");
    finish_init.wait();
    return grpc::Status::OK;
  });
  const Outcome first = init();
  EXPECT_EQ(finished(init()), kRefusal) << "while the first runs";
  EXPECT_FALSE(first->has_value());
  finish_init.open();
  EXPECT_EQ(finished(first), "OK");
  EXPECT_EQ(finished(init()), kRefusal) << "when it has succeeded";
  finished(shut_down());
  EXPECT_EQ(finished(init()), kRefusal) << "after the shutdown";
  EXPECT_THAT(calls_, ElementsAre("init"));
}

TEST_F(ContextHostTest, AnInitAfterAFailedOneIsRefused) {
  host_blocking(recorded("init", unavailable("database down")));
  finished(init());
  EXPECT_EQ(finished(init()), "FAILED_PRECONDITION: the service context was initialised before");
  EXPECT_THAT(calls_, ElementsAre("init"));
}

// --------------------------------------------------------------------------------------- shutdown

TEST_F(ContextHostTest, ShutdownRunsOnceForAnyNumberOfCallers) {
  Latch in_shutdown;
  Latch finish_shutdown;
  host_blocking({}, [&] {
    calls_.emplace_back("shutdown");
    in_shutdown.open();
    finish_shutdown.wait();
    return data_loss("cache not written");
  });
  finished(init());

  const std::vector<Outcome> together{shut_down(), shut_down()};
  poll_until(io_context_, [&] { return in_shutdown.is_open(); });
  const Outcome meanwhile = shut_down();
  settle(io_context_);
  for (const Outcome& outcome : {together[0], together[1], meanwhile}) {
    EXPECT_FALSE(outcome->has_value());
  }

  finish_shutdown.open();
  for (const Outcome& outcome : {together[0], together[1], meanwhile, shut_down()}) {
    EXPECT_EQ(finished(outcome), "DATA_LOSS: cache not written");
  }
  EXPECT_THAT(calls_, ElementsAre("shutdown"));
}

TEST_F(ContextHostTest, AFailedShutdownIsLoggedOnce) {
  host_blocking({}, recorded("shutdown", data_loss("cache not written")));
  finished(init());
  finished(shut_down());
  finished(shut_down());
  EXPECT_EQ(logger_.count(LogLevel::kError, "DATA_LOSS: cache not written"), 1) << logger_.text();
  EXPECT_EQ(host_->state(), ContextState::kShutDown);
}

TEST_F(ContextHostTest, TheHandlerOfAShutdownMayDestroyTheHost) {
  host_blocking();
  finished(init());
  host_->async_shutdown([this](const grpc::Status&) { host_.reset(); });
  poll_until(io_context_, [&] { return !host_.has_value(); });
}

// ------------------------------------------------------------------------------------- exceptions

struct ThrowingCase {
  const char* name;
  void (*raise)();
  const char* status;
};

class ContextHostThrowingTest : public ContextHostTest,
                                public ::testing::WithParamInterface<ThrowingCase> {};

TEST_P(ContextHostThrowingTest, FromABlockingOverride) {
  const auto raise = [] {
    GetParam().raise();
    return grpc::Status::OK;
  };
  host_blocking(raise, raise);
  EXPECT_EQ(finished(init()), GetParam().status);
  EXPECT_EQ(host_->state(), ContextState::kInitFailed);
  EXPECT_EQ(finished(shut_down()), GetParam().status);
}

TEST_P(ContextHostThrowingTest, FromACoroutine) {
  const auto raise = []() -> asio::awaitable<grpc::Status> {
    GetParam().raise();
    co_return grpc::Status::OK;
  };
  host_coroutines(raise, raise);
  EXPECT_EQ(finished(init()), GetParam().status);
  EXPECT_EQ(finished(shut_down()), GetParam().status);
}

TEST_P(ContextHostThrowingTest, FromAnOverrideThatReturnsACoroutineWithoutBeingOne) {
  const auto raise = []() -> asio::awaitable<grpc::Status> {
    GetParam().raise();
    return wait_for_an_hour();
  };
  host_coroutines(raise, raise);
  EXPECT_EQ(finished(init()), GetParam().status);
  EXPECT_EQ(finished(shut_down()), GetParam().status);
}

INSTANTIATE_TEST_SUITE_P(
    , ContextHostThrowingTest,
    ::testing::Values(ThrowingCase{"Exception", [] { throw std::runtime_error("no licence"); },
                                   "INTERNAL: Unhandled exception: no licence"},
                      ThrowingCase{
                          "Other", [] { throw 42; },
                          "INTERNAL: Unhandled exception: not derived from std::exception"}),
    [](const auto& row) { return row.param.name; });

}  // namespace
}  // namespace compiler_gym
