// What sessions do whose results are remembered.
#include <gmock/gmock.h>

#include "tests/sessions/graph_sessions_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;

TEST_F(GraphSessionsTest, WhatOneSessionHasDoneNoOtherDoesAgain) {
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  const Result<StepReply> computed = step(first, {1, 2}, {0, 1})->get();
  const StepCall known = step(second, {1, 2}, {1, 0, 1});
  EXPECT_TRUE(known->answered()) << "where the request arrives";
  const Result<StepReply> reply = known->get();
  ASSERT_TRUE(computed && reply);
  ASSERT_EQ(reply->observation_size(), 3);
  EXPECT_EQ(reply->observation(1).SerializeAsString(),
            computed->observation(0).SerializeAsString());
  EXPECT_EQ(reply->observation(2).string_value(), "benchmark://test/1");
  EXPECT_EQ(actions_, 2);
  EXPECT_EQ(made(), 1) << "the second session has never needed a compiler";
}

TEST_F(GraphSessionsTest, ASessionGetsACompilerWhenSomethingUnknownIsAsked) {
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {1})->get());
  EXPECT_TRUE(step(first, {2})->get());
  EXPECT_TRUE(step(second, {1})->get());
  EXPECT_TRUE(step(second, {2})->get());
  EXPECT_EQ(made(), 1);
  EXPECT_TRUE(step(second, {3})->get());
  EXPECT_EQ(made(), 2);
  EXPECT_EQ(actions_, 2 + 3);
  EXPECT_THAT(history(second), ElementsAre(1, 2, 3));
  EXPECT_THAT(history(first), ElementsAre(1, 2));
}

TEST_F(GraphSessionsTest, ACompilerThatHasFallenBehindCatchesUp) {
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {1})->get());
  EXPECT_TRUE(step(second, {2})->get());
  EXPECT_EQ(made(), 2);
  EXPECT_TRUE(step(second, {3})->get());
  const Session::Id third = started();
  EXPECT_TRUE(step(third, {2, 4})->get());
  EXPECT_TRUE(step(third, {5})->get());
  const Session::Id fourth = started();
  EXPECT_TRUE(step(fourth, {2, 6})->get());  // has a compiler now
  EXPECT_THAT(history(fourth), ElementsAre(2, 6));
  EXPECT_THAT(history(third), ElementsAre(2, 4, 5));
}

TEST_F(GraphSessionsTest, WithoutRoomTheCompilerUsedLongestAgoIsGivenUp) {
  serve({.max_executor_bytes = 5U << 20U});  // two on these programs
  const Session::Id first = started("benchmark://a");
  const Session::Id second = started("benchmark://b");
  EXPECT_TRUE(step(first, {1, 2})->get());
  EXPECT_TRUE(step(second, {3})->get());
  const Session::Id third = started("benchmark://c");
  EXPECT_EQ(script.live_sessions, 3);
  EXPECT_TRUE(step(third, {4})->get());
  EXPECT_EQ(script.live_sessions, 2) << "room is made when something unknown is asked";
  EXPECT_EQ(actions_, 4);
  EXPECT_TRUE(step(second, {5})->get());
  EXPECT_EQ(actions_, 5) << "the second one has its compiler";
  EXPECT_TRUE(step(first, {6})->get());
  EXPECT_EQ(actions_, 5 + 3) << "and the first one another";
  EXPECT_THAT(history(first), ElementsAre(1, 2, 6));
  EXPECT_EQ(made(), 4);
}

TEST_F(GraphSessionsTest, ACompilerAtWorkIsNotGivenUp) {
  Latch working;
  Latch release;
  hold_up(7, working, release);
  serve({.max_executor_bytes = 1});
  const Session::Id first = started("benchmark://a");
  const StepCall busy = step(first, {7});
  working.wait();
  const Session::Id second = started("benchmark://b");
  EXPECT_TRUE(step(second, {1})->get());
  EXPECT_EQ(script.live_sessions, 2);
  release.open();
  EXPECT_TRUE(busy->get());
  EXPECT_TRUE(step(second, {2})->get());
  EXPECT_EQ(script.live_sessions, 1);
  EXPECT_THAT(history(first), ElementsAre(7));
}

TEST_F(GraphSessionsTest, TheCompilerOfASessionThatHasLeftTheGraphStaysAndCounts) {
  script.determinism.varies = [](const ActionSpace&, const Event& action) {
    return action.int64_value() == 9;
  };
  serve({.max_executor_bytes = 5U << 20U});  // two on these programs
  const Session::Id first = started("benchmark://a");
  EXPECT_TRUE(step(first, {9})->get());
  const Session::Id second = started("benchmark://b");
  const Session::Id third = started("benchmark://c");
  EXPECT_TRUE(step(third, {1})->get());
  EXPECT_EQ(script.live_sessions, 2) << "the second one's is gone";
  EXPECT_TRUE(step(second, {2})->get());
  EXPECT_TRUE(step(third, {3})->get());
  EXPECT_THAT(history(first), ElementsAre(9));
  EXPECT_THAT(history(second), ElementsAre(2));
  EXPECT_THAT(history(third), ElementsAre(1, 3));
  const std::ptrdiff_t all = made();
  EXPECT_TRUE(step(first, {4})->get());
  EXPECT_EQ(made(), all) << "the first one has had one compiler all the time";
}

TEST_F(GraphSessionsTest, AFirstStartOfABenchmarkIsReal) {
  script.on_init = [](const Benchmark& benchmark) {
    return benchmark.uri() == "benchmark://bad"
               ? grpc::Status(grpc::StatusCode::INVALID_ARGUMENT, "bad")
               : grpc::Status::OK;
  };
  serve();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(failure(start("benchmark://bad")), "INVALID_ARGUMENT: bad");
  }
  EXPECT_EQ(made(), 2) << "failures are not remembered";
  started("benchmark://good");
  started("benchmark://good");
  EXPECT_EQ(made(), 3);
}

TEST_F(GraphSessionsTest, AStartWithObservationsIsKnownOnceTheyAre) {
  serve();
  started();
  const Result<StartSessionReply> computed = start("benchmark://test/1", {0, 1});
  EXPECT_EQ(made(), 2);
  const Result<StartSessionReply> known = start("benchmark://test/1", {1, 0});
  ASSERT_TRUE(computed && known);
  EXPECT_EQ(made(), 2);
  EXPECT_EQ(known->observation(0).SerializeAsString(),
            computed->observation(1).SerializeAsString());
  EXPECT_EQ(observations_, 2);
  EXPECT_EQ(failure(start("benchmark://test/1", {7})),
            "INVALID_ARGUMENT: Observation space index out of range: 7");
}

TEST_F(GraphSessionsTest, AFailedStepIsDoneEachTime) {
  std::atomic<int> failures = 0;
  script.on_action = [&](std::int64_t action, auto&, const auto&) {
    return action == 9 && ++failures < 3 ? data_loss("broken") : grpc::Status::OK;
  };
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  const Session::Id third = started();
  EXPECT_EQ(failure(step(first, {9})->get()), "DATA_LOSS: broken");
  EXPECT_EQ(failure(step(second, {9})->get()), "DATA_LOSS: broken");
  EXPECT_TRUE(step(third, {9})->get());
}

TEST_F(GraphSessionsTest, ASessionWhoseStepHasFailedIsWhatItsCompilerIs) {
  script.on_action = [](std::int64_t action, auto&, const auto&) {
    return action == 9 ? invalid_argument("no") : grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  EXPECT_FALSE(step(session, {1, 9})->get());
  EXPECT_THAT(history(session), ElementsAre(1));
  EXPECT_TRUE(step(session, {2})->get());
  EXPECT_THAT(history(session), ElementsAre(1, 2));
  EXPECT_THAT(history(forked(session)), ElementsAre(1, 2));
  EXPECT_EQ(figures().states, 1U);
}

TEST_F(GraphSessionsTest, ActionsThatVaryAreDoneEachTimeAndTakeTheSessionOutOfTheGraph) {
  script.determinism.varies = [](const ActionSpace& space, const Event& action) {
    return space.name() == "first" && action.int64_value() == 5;
  };
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {5})->get());
  EXPECT_TRUE(step(second, {5})->get());
  EXPECT_EQ(actions_, 2);
  EXPECT_TRUE(step(first, {1})->get());
  EXPECT_TRUE(step(second, {1})->get());
  EXPECT_EQ(actions_, 4);
  EXPECT_EQ(figures().states, 1U);
}

TEST_F(GraphSessionsTest, KnownStepsKeepTheirOrder) {
  Latch held;
  Latch release;
  hold_up(7, held, release);
  serve();
  const Session::Id other = started();
  const Session::Id session = started();
  EXPECT_TRUE(step(other, {1})->get());
  release.arrive();
  EXPECT_TRUE(step(other, {1, 7})->get());
  const StepCall unknown = step(session, {2});
  std::vector<StepCall> calls;
  for (int i = 0; i < 60; ++i) {
    calls.push_back(step(session, {}, {0}));
  }
  for (const StepCall& call : calls) {
    const Result<StepReply> reply = call->get();
    ASSERT_TRUE(reply);
    EXPECT_EQ(reply->observation(0).int64_tensor().value_size(), 1);
  }
  EXPECT_TRUE(unknown->get());
}

TEST_F(GraphSessionsTest, AClientThatHasLeftIsNotAnswered) {
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {1})->get());
  std::stop_source gone;
  gone.request_stop();
  EXPECT_EQ(failure(step(second, {1}, {}, gone)->get()),
            "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_EQ(failure(fork(second, gone)->get()), "CANCELLED: Cancelled while waiting for its turn");
  EXPECT_TRUE(step(second, {1})->get());
  EXPECT_EQ(made(), 1);
}

TEST_F(GraphSessionsTest, AnEndedSessionLeavesNothingBehind) {
  serve({.max_sessions = 2});
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_EQ(to_string(start("benchmark://test/1").error().error_code()),
            std::string("RESOURCE_EXHAUSTED"));
  EXPECT_EQ(remaining_after_end(second), 1);
  EXPECT_EQ(remaining_after_end(first), 0);
  EXPECT_EQ(failure(step(second, {1})->get()), "NOT_FOUND: Session not found: 1");
}

TEST_F(GraphSessionsTest, AProgramThatHasChangedIsAnotherOne) {
  std::string stamp = "1";
  serve({.program_stamp = [&](const Benchmark&) { return stamp; }});
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {1})->get());
  stamp = "2";
  EXPECT_TRUE(step(second, {1})->get()) << "that much is known of the old one";
  EXPECT_EQ(
      failure(step(second, {2})->get()),
      "DATA_LOSS: The session can't be restored, as the program of its benchmark has changed");
  const Session::Id third = started();
  EXPECT_TRUE(step(third, {1})->get());
  EXPECT_EQ(actions_, 2);
  EXPECT_TRUE(step(first, {2})->get()) << "its compiler has the old one";
}

TEST_F(GraphSessionsTest, ACompilerThatDoesNotDoTheSameIsNotRemembered) {
  std::atomic<bool> end = false;
  script.on_action = [&](std::int64_t, PluginScript::ActionEffects& effects, const auto&) {
    effects.end_of_session = end;
    return grpc::Status::OK;
  };
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {1})->get());
  end = true;
  // The observation makes it unknown, so that the action is done again.
  EXPECT_TRUE(step(second, {1}, {0})->get());
  EXPECT_EQ(figures().conflicts, 1U);
  EXPECT_THAT(history(second), ElementsAre(1));
}

TEST_F(GraphSessionsTest, ACompilerThatSaysNothingIsAskedEachTime) {
  script.determinism.actions = false;
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {1})->get());
  EXPECT_TRUE(step(second, {1})->get());
  EXPECT_EQ(actions_, 2);
  EXPECT_EQ(made(), 2);
  EXPECT_EQ(figures().states, 0U);
}

TEST_F(GraphSessionsTest, WithoutBytesNothingIsRemembered) {
  context_host.state_graph().set_max_size_in_bytes(0);
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {1})->get());
  EXPECT_TRUE(step(second, {1})->get());
  EXPECT_EQ(actions_, 2);
}

}  // namespace
}  // namespace compiler_gym::testing
