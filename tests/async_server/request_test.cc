// Requests over the wire: cancellation, parallelism, and what one client's trouble does to another.
#include <gmock/gmock.h>

#include <algorithm>
#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <latch>
#include <semaphore>

#include "tests/async_server/server_fixture.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class RequestTest : public ServerFixture {
 protected:
  std::vector<std::int64_t> history(Session::Id session) {
    const auto reply = get_within_watchdog(step(session, {}, {0}));
    EXPECT_TRUE(reply) << to_string(reply.error());
    const auto& values = reply->observation(0).int64_tensor().value();
    return {values.begin(), values.end()};
  }
};

TEST_F(RequestTest, AnswersTheSameSpacesFromFirstToLast) {
  serve();
  const auto first = get_within_watchdog(client->get_spaces({}, boost::asio::use_future));
  started_session();
  const auto second = get_within_watchdog(client->get_spaces({}, boost::asio::use_future));
  ASSERT_TRUE(first);
  ASSERT_TRUE(second);
  EXPECT_EQ(first->SerializeAsString(), second->SerializeAsString());
  EXPECT_EQ(first->action_space_list_size(), 2);
}

TEST_F(RequestTest, StepsOfOneSessionRunInTheOrderTheyCame) {
  // The first step holds the session while the others queue up behind it.
  std::latch in_first{1};
  std::latch release{1};
  script.on_action = [&](std::int64_t action, auto&, const auto&) {
    if (action == 0) {
      in_first.count_down();
      release.wait();
    }
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started_session();
  std::vector<Future<StepReply>> steps;
  steps.push_back(step(session, {0}));
  in_first.wait();
  for (int i = 1; i <= 20; ++i) {
    steps.push_back(step(session, {i}));
    // gRPC does not order calls: the next one is sent when this one is known to be waiting.
    get_within_watchdog(client->get_version({}, boost::asio::use_future));
  }

  release.count_down();

  for (auto& pending : steps) {
    EXPECT_TRUE(get_within_watchdog(std::move(pending)));
  }
  std::vector<std::int64_t> applied = history(session);
  std::vector<std::int64_t> sorted = applied;
  std::sort(sorted.begin(), sorted.end());
  EXPECT_EQ(applied.size(), 21U);
  EXPECT_EQ(applied, sorted);
}

TEST_F(RequestTest, SlowStartsDoNotHoldUpTheStepsOfOtherSessions) {
  // More starts than there are threads for them, all stuck in init.
  constexpr int kStarts = 12;
  std::latch release{1};
  std::atomic<int> stuck{0};
  script.on_init = [&](const Benchmark& benchmark) {
    if (benchmark.uri() == "benchmark://slow/1") {
      ++stuck;
      release.wait();
    }
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started_session();
  std::vector<Future<StartSessionReply>> starts;
  for (int i = 0; i < kStarts; ++i) {
    starts.push_back(start_session("benchmark://slow/1"));
  }
  poll_until([&] { return stuck == 4; });

  for (int i = 0; i < 100; ++i) {
    EXPECT_TRUE(get_within_watchdog(step(session, {i})));
  }
  const auto forked = get_within_watchdog(fork_session(session));
  EXPECT_TRUE(forked) << to_string(forked.error());

  release.count_down();
  for (auto& start : starts) {
    EXPECT_TRUE(get_within_watchdog(std::move(start)));
  }
}

TEST_F(RequestTest, LongStepsOfManySessionsLeaveRoomToAcceptMore) {
  // Many more steps under way than there are accept slots.
  constexpr int kSessions = 40;
  std::latch release{1};
  script.on_action = [&](std::int64_t, auto&, const auto&) {
    release.wait();
    return grpc::Status::OK;
  };
  serve();
  std::vector<Future<StepReply>> steps;
  for (int i = 0; i < kSessions; ++i) {
    steps.push_back(step(started_session(), {1}));
  }

  EXPECT_TRUE(get_within_watchdog(client->get_version({}, boost::asio::use_future)));
  const auto unknown = get_within_watchdog(step(1234, {}));
  ASSERT_FALSE(unknown);
  EXPECT_EQ(to_string(unknown.error()), "NOT_FOUND: Session not found: 1234");

  release.count_down();
  for (auto& pending : steps) {
    EXPECT_TRUE(get_within_watchdog(std::move(pending)));
  }
}

TEST_F(RequestTest, AClientThatVanishesStopsItsStepAndLosesNothingElse) {
  std::latch in_step{1};
  std::binary_semaphore stopped{0};
  script.on_action = [&](std::int64_t action, auto&, const std::stop_token& stop) {
    if (action == 2) {
      in_step.count_down();
      const std::stop_callback on_stop(stop, [&] { stopped.release(); });
      stopped.acquire();
    }
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started_session();
  std::promise<Result<StepReply>> answered;
  client->step(step_request(session, {1, 2, 3}), {},
               can_leave([&](Result<StepReply> reply) { answered.set_value(std::move(reply)); }));
  in_step.wait();

  leave();

  const auto reply = get_within_watchdog(answered.get_future());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error_code(), grpc::StatusCode::CANCELLED);
  // Between actions it was noticed: the third was not applied, those before it stay.
  EXPECT_THAT(history(session), ElementsAre(1, 2));
}

TEST_F(RequestTest, AStepWhoseClientLeftBeforeItsTurnMakesRoomAndIsNotRun) {
  std::latch in_step{1};
  std::latch release{1};
  script.on_action = [&](std::int64_t action, auto&, const auto&) {
    if (action == 1) {
      in_step.count_down();
      release.wait();
    }
    return grpc::Status::OK;
  };
  ServerOptions options = default_options();
  options.sessions.max_queued_steps = 1;
  serve(options);
  const Session::Id session = started_session();
  auto first = step(session, {1});
  in_step.wait();
  const auto left = get_within_watchdog(step(session, {2}, {}, {.timeout = 50ms}));
  ASSERT_FALSE(left);
  EXPECT_EQ(left.error().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);

  // Refused while the abandoned step fills the queue; admitted once the server has heard that its
  // client left.
  std::vector<Future<StepReply>> attempts;
  poll_until([&] {
    attempts.push_back(step(session, {3}, {0}));
    get_within_watchdog(client->get_version({}, boost::asio::use_future));
    return logger.count(LogLevel::kVerbose, "CANCELLED") == 1;
  });
  release.count_down();

  EXPECT_TRUE(get_within_watchdog(std::move(first)));
  int admitted = 0;
  for (auto& attempt : attempts) {
    const auto reply = get_within_watchdog(std::move(attempt));
    admitted += reply ? 1 : 0;
    if (!reply) {
      EXPECT_EQ(to_string(reply.error()),
                "RESOURCE_EXHAUSTED: Session 0: 1 requests are waiting already, the limit is 1");
    }
  }
  EXPECT_EQ(admitted, 1);
  EXPECT_THAT(history(session), ElementsAre(1, 3));
}

TEST_F(RequestTest, AClientThatLeavesWhileItsSessionStartsLeavesNoSession) {
  std::latch in_init{1};
  script.during_init = [&](const std::stop_token& stop) {
    std::binary_semaphore stopped{0};
    const std::stop_callback on_stop(stop, [&] { stopped.release(); });
    in_init.count_down();
    stopped.acquire();
  };
  serve();
  std::promise<Result<StartSessionReply>> answered;
  StartSessionRequest request;
  *request.mutable_benchmark() = make_benchmark("benchmark://test/1");
  client->start_session(std::move(request), {}, can_leave([&](Result<StartSessionReply> reply) {
                          answered.set_value(std::move(reply));
                        }));
  in_init.wait();
  leave();
  EXPECT_FALSE(get_within_watchdog(answered.get_future()));

  poll_until([&] { return script.live_sessions == 0; });
  EXPECT_EQ(server->session_count(), 0U);
}

TEST_F(RequestTest, EndingASessionInTheMiddleOfAStepAnswersAtOnceAndStopsTheStep) {
  std::latch in_step{1};
  std::binary_semaphore stopped{0};
  script.on_action = [&](std::int64_t, auto&, const std::stop_token& stop) {
    in_step.count_down();
    const std::stop_callback on_stop(stop, [&] { stopped.release(); });
    stopped.acquire();
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started_session();
  auto running = step(session, {1, 2});
  in_step.wait();

  const auto ended = get_within_watchdog(end_session(session));

  ASSERT_TRUE(ended);
  EXPECT_EQ(ended->remaining_sessions(), 0);
  const auto reply = get_within_watchdog(std::move(running));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(to_string(get_within_watchdog(step(session, {})).error()),
            "NOT_FOUND: Session not found: 0");
}

TEST_F(RequestTest, AForkIsIndependentOfItsParent) {
  serve();
  const Session::Id parent = started_session();
  EXPECT_TRUE(get_within_watchdog(step(parent, {1, 2})));
  const auto forked = get_within_watchdog(fork_session(parent));
  ASSERT_TRUE(forked);
  const Session::Id fork = forked->session_id();
  EXPECT_NE(fork, parent);
  EXPECT_TRUE(get_within_watchdog(step(parent, {3})));
  EXPECT_TRUE(get_within_watchdog(step(fork, {4})));
  EXPECT_THAT(history(parent), ElementsAre(1, 2, 3));
  EXPECT_TRUE(get_within_watchdog(end_session(parent)));
  EXPECT_THAT(history(fork), ElementsAre(1, 2, 4));
}

TEST_F(RequestTest, ServesAThousandSessionsAtATime) {
  constexpr int kSessions = 1000;
  serve();
  std::vector<Future<StartSessionReply>> starts;
  for (int i = 0; i < kSessions; ++i) {
    starts.push_back(start_session("benchmark://test/" + std::to_string(i % 7)));
  }
  std::vector<Session::Id> sessions;
  for (auto& start : starts) {
    const auto reply = get_within_watchdog(std::move(start));
    ASSERT_TRUE(reply) << to_string(reply.error());
    sessions.push_back(reply->session_id());
  }
  EXPECT_EQ(server->session_count(), static_cast<std::size_t>(kSessions));

  std::vector<Future<StepReply>> steps;
  for (int round = 0; round < 3; ++round) {
    for (const Session::Id session : sessions) {
      steps.push_back(step(session, {session}));
    }
    for (auto& pending : std::exchange(steps, {})) {
      EXPECT_TRUE(get_within_watchdog(std::move(pending)));
    }
  }
  for (const Session::Id session : sessions) {
    steps.push_back(step(session, {}, {0}));
  }
  for (std::size_t i = 0; i < sessions.size(); ++i) {
    const auto reply = get_within_watchdog(std::move(steps[i]));
    ASSERT_TRUE(reply);
    const auto& values = reply->observation(0).int64_tensor().value();
    EXPECT_THAT(std::vector<std::int64_t>(values.begin(), values.end()),
                ElementsAre(sessions[i], sessions[i], sessions[i]));
  }
}

TEST_F(RequestTest, AnswersWhatAPluginThrows) {
  script.on_action = [](std::int64_t action, auto&, const auto&) -> grpc::Status {
    if (action == 1) {
      throw std::runtime_error("pass gone wrong");
    }
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started_session();
  const auto reply = get_within_watchdog(step(session, {1}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(to_string(reply.error()), "INTERNAL: Unhandled exception: pass gone wrong");
  EXPECT_TRUE(get_within_watchdog(step(session, {2})));
}

}  // namespace
}  // namespace compiler_gym::testing
