// The start and the drain of a service inside a program.
#include <gmock/gmock.h>

#include "async_server/embedded_service.h"
#include "tests/async_server/embedded_fixture.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class EmbeddedDrainTest : public EmbeddedFixture {};

INSTANTIATE_TEST_SUITE_P(Threads, EmbeddedDrainTest,
                         ::testing::Values(PluginThreads::kPool, PluginThreads::kCaller),
                         [](const auto& row) {
                           return row.param == PluginThreads::kPool ? "Pool" : "Caller";
                         });

TEST_P(EmbeddedDrainTest, IsReadyOnlyWhenItHasStarted) {
  make();
  EXPECT_EQ(
      to_string(wait_for([&](auto token) { return service->async_get_version(token); }).error()),
      "FAILED_PRECONDITION: async_start() has not completed");
  EXPECT_TRUE(wait_for([&](auto token) { return service->async_start(token); }).ok());
  EXPECT_EQ(to_string(wait_for([&](auto token) { return service->async_start(token); })),
            "FAILED_PRECONDITION: async_start() was called before");
}

TEST_P(EmbeddedDrainTest, AStartThatFailsShutsTheContextDown) {
  script.on_context_init = [] { return internal_error("no database"); };
  make();
  EXPECT_EQ(to_string(wait_for([&](auto token) { return service->async_start(token); })),
            "INTERNAL: no database");
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
  EXPECT_TRUE(drain().ok());
}

TEST_P(EmbeddedDrainTest, ADrainEndsSessionsAndThenTheContext) {
  script.on_context_shutdown = [this] {
    EXPECT_EQ(script.live_sessions, 0);
    return data_loss("could not be written");
  };
  serve();
  started_session();
  started_session();
  EXPECT_EQ(to_string(drain()), "DATA_LOSS: could not be written");
  EXPECT_EQ(to_string(step(0, {}).error()), "UNAVAILABLE: The service is shutting down");
  EXPECT_TRUE(drain().ok()) << "it is over";
}

TEST_P(EmbeddedDrainTest, ADrainThatWasNeverStartedIsOk) {
  make();
  EXPECT_TRUE(drain().ok());
}

class HeldStepDrainTest : public HeldStepFixture {};

INSTANTIATE_TEST_SUITE_P(Threads, HeldStepDrainTest, ::testing::Values(PluginThreads::kPool),
                         [](const auto&) { return "Pool"; });

TEST_P(HeldStepDrainTest, ADrainLetsARunningStepFinish) {
  script_hold();
  serve();
  const Session::Id session = started_session();
  bool stepped = false;
  service->async_step(step_request(session, {kHold}), [&](const Result<StepReply>& reply) {
    EXPECT_TRUE(reply) << to_string(reply.error());
    stepped = true;
  });
  held.wait();
  bool drained = false;
  service->async_drain(1h, [&](const grpc::Status&) { drained = true; });
  EXPECT_EQ(to_string(step(session, {}).error()), "UNAVAILABLE: The service is shutting down");
  settle(io_context);
  EXPECT_FALSE(drained);
  release.open();
  poll_until(io_context, [&] { return drained; });
  EXPECT_TRUE(stepped);
  EXPECT_EQ(stopped, 0);
}

TEST_P(HeldStepDrainTest, ADrainStopsWhatRunsAtTheDeadlineAndASecondOneBringsItNearer) {
  script_hold();
  serve();
  const Session::Id session = started_session();
  bool stepped = false;
  service->async_step(step_request(session, {kHold, 2}), [&](const Result<StepReply>& reply) {
    EXPECT_EQ(reply.error().error_code(), grpc::StatusCode::CANCELLED);
    stepped = true;
  });
  held.wait();
  int drained = 0;
  service->async_drain(1h, [&](const grpc::Status&) { ++drained; });
  service->async_drain(5s, [&](const grpc::Status&) { ++drained; });
  settle(io_context);  // they have begun
  clock.advance(5s - 1ns);
  settle(io_context);
  EXPECT_EQ(stopped, 0);
  clock.advance(1ns);
  poll_until(io_context, [&] { return drained == 2; });
  EXPECT_EQ(stopped, 1);
  EXPECT_TRUE(stepped);
}

TEST_P(HeldStepDrainTest, ADrainDuringTheStartEndsIt) {
  script.on_context_init = [this] {
    held.open();
    release.wait();
    return grpc::Status::OK;
  };
  make();
  grpc::Status started;
  bool drained = false;
  bool start_done = false;
  service->async_start([&](grpc::Status status) {
    started = std::move(status);
    start_done = true;
  });
  poll_until(io_context, [&] { return held.is_open(); });
  service->async_drain(1h, [&](const grpc::Status&) { drained = true; });
  settle(io_context);
  EXPECT_FALSE(drained);
  release.open();
  poll_until(io_context, [&] { return drained && start_done; });
  EXPECT_EQ(started.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
}

// It has not begun, and does not: that is another matter than being stopped.
TEST_P(HeldStepDrainTest, AtTheDeadlineWhatWaitsForItsTurnIsDroppedBeforeWhatRunsIsStopped) {
  script_hold();
  serve();
  const Session::Id session = started_session();
  std::vector<grpc::StatusCode> outcomes(2, grpc::StatusCode::OK);
  int handled = 0;
  for (int i = 0; i < 2; ++i) {
    service->async_step(step_request(session, {kHold, 2}), [&, i](const Result<StepReply>& reply) {
      outcomes[static_cast<std::size_t>(i)] = reply.error().error_code();
      ++handled;
    });
  }
  held.wait();
  bool drained = false;
  service->async_drain(0s, [&](const grpc::Status&) { drained = true; });
  poll_until(io_context, [&] { return drained; });
  EXPECT_EQ(handled, 2);
  EXPECT_EQ(stopped, 1) << "the second one has not run";
  EXPECT_THAT(outcomes, ElementsAre(grpc::StatusCode::CANCELLED, grpc::StatusCode::UNAVAILABLE));
}

}  // namespace
}  // namespace compiler_gym::testing
