// What a client's cancel or deadline does: its stop source is triggered, before, in the middle, or between actions.
#include <gmock/gmock.h>

#include "tests/sessions/service_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SessionCancelTest : public ServiceFixture {};

TEST_F(SessionCancelTest, ARequestThatIsCancelledAlreadyIsNotRun) {
  serve();
  const Session::Id session = started();
  std::stop_source cancelled_already;
  cancelled_already.request_stop();
  EXPECT_EQ(failure(step(session, {1}, {}, cancelled_already)->get()),
            "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_EQ(failure(fork(session, cancelled_already)->get()),
            "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_THAT(history(session), IsEmpty());
  EXPECT_EQ(service->session_count(), 1U);
}

TEST_F(SessionCancelTest, AStepEndsBetweenTwoActions) {
  std::stop_source client;
  script.on_action = [&](std::int64_t action, auto&, const auto&) {
    if (action == 2) {
      client.request_stop();
    }
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1, 2, 3, 4}, {0}, client)->get()),
            "CANCELLED: Step cancelled; 2 of 4 actions were applied and remain");
  EXPECT_THAT(history(session), ElementsAre(1, 2)) << "what was applied stays applied";
}

TEST_F(SessionCancelTest, AStepEndsBetweenTwoObservations) {
  std::stop_source client;
  int observations = 0;
  script.on_observation = [&](const auto&, auto&) {
    if (++observations == 1) {
      client.request_stop();
    }
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1}, {0, 1, 0}, client)->get()),
            "CANCELLED: Cancelled after 1 of 3 observations");
  EXPECT_EQ(observations, 1);
  EXPECT_THAT(history(session), ElementsAre(1)) << "the session goes on";
}

TEST_F(SessionCancelTest, TheSessionSeesTheStopTokenOfItsOwnStep) {
  // A long action heeds it by itself; the next step has a token of its own.
  Latch in_action;
  script.on_action = [&](std::int64_t action, auto&, const std::stop_token& stop) {
    if (action == 0) {
      in_action.open();
      poll_until([&] { return stop.stop_requested(); });
      return grpc::Status(grpc::StatusCode::CANCELLED, "gave up half-way");
    }
    EXPECT_FALSE(stop.stop_requested());
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  const StepCall long_step = step(session, {0});
  in_action.wait();
  long_step->stop.request_stop();
  EXPECT_EQ(failure(long_step->get()), "CANCELLED: gave up half-way");
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
}

TEST_F(SessionCancelTest, AnActionThatDoesNotHeedItEndsTheStepOnlyAfterwards) {
  std::stop_source client;
  script.on_action = [&](std::int64_t, auto&, const auto&) {
    client.request_stop();
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1}, {}, client)->get()), "OK")
      << "the answer was ready: nothing was left to cancel";
  EXPECT_THAT(history(session), ElementsAre(1));
}

// ---------------------------------------------------------------------------------------- starting

TEST_F(SessionCancelTest, AStartWhoseClientLeftLeavesNoSession) {
  std::stop_source client;
  script.during_init = [&](const std::stop_token& stop) {
    EXPECT_FALSE(stop.stop_requested());
    client.request_stop();
    EXPECT_TRUE(stop.stop_requested()) << "what a long init can heed";
  };
  serve();
  EXPECT_EQ(failure(start("benchmark://test/1", {}, client)),
            "CANCELLED: Cancelled while the session was starting");
  client = std::stop_source();
  EXPECT_EQ(failure(start("benchmark://test/1", {0, 1}, client)),
            "CANCELLED: Cancelled after 0 of 2 observations");
  EXPECT_EQ(service->session_count(), 0U);
  EXPECT_EQ(script.live_sessions, 0);

  script.during_init = nullptr;
  EXPECT_EQ(started(), 0) << "no id was used up";
}

TEST_F(SessionCancelTest, AForkWhoseClientLeftLeavesNoSession) {
  std::stop_source client;
  script.on_fork = [&] {
    client.request_stop();
    return grpc::Status::OK;
  };
  serve();
  const Session::Id parent = started();
  EXPECT_EQ(failure(fork(parent, client)->get()),
            "CANCELLED: Cancelled while the session was starting");
  EXPECT_EQ(service->session_count(), 1U);
  EXPECT_EQ(script.live_sessions, 1);
}

}  // namespace
}  // namespace compiler_gym::testing
