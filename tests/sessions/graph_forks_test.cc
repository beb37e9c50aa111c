// Forks and parameters of sessions whose results are remembered.
#include <gmock/gmock.h>

#include <algorithm>

#include "tests/sessions/graph_sessions_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;

class GraphForksTest : public GraphSessionsTest {};

TEST_F(GraphForksTest, AForkIsACopy) {
  serve();
  fork_once();
  const std::ptrdiff_t before = made();
  const Session::Id parent = started();
  EXPECT_TRUE(step(parent, {1}, {0})->get());
  const Session::Id child = forked(parent);
  EXPECT_THAT(history(child), ElementsAre(1));
  EXPECT_EQ(made(), before + 1) << "the parent only has a compiler";
  EXPECT_TRUE(step(child, {2})->get());
  EXPECT_TRUE(step(parent, {3})->get());
  EXPECT_THAT(history(child), ElementsAre(1, 2));
  EXPECT_THAT(history(parent), ElementsAre(1, 3));
}

TEST_F(GraphForksTest, AForkThatNeedsACompilerForksItsParents) {
  serve();
  fork_once();
  const std::ptrdiff_t forks = std::ranges::count(script.events(), "session fork");
  const Session::Id parent = started();
  EXPECT_TRUE(step(parent, {1, 2, 3})->get());
  const Session::Id child = forked(parent);
  const Session::Id grandchild = forked(child);
  const Session::Id late = forked(parent);
  EXPECT_EQ(actions_, 3);
  EXPECT_TRUE(step(child, {4})->get());
  EXPECT_EQ(actions_, 4);
  EXPECT_TRUE(step(grandchild, {5})->get());
  EXPECT_EQ(actions_, 5);
  EXPECT_EQ(std::ranges::count(script.events(), "session fork"), forks + 2);

  EXPECT_TRUE(step(parent, {6})->get());
  EXPECT_EQ(actions_, 6);
  EXPECT_TRUE(step(late, {7})->get());
  EXPECT_EQ(actions_, 6 + 4) << "the parent has gone another way";
  EXPECT_THAT(history(child), ElementsAre(1, 2, 3, 4));
  EXPECT_THAT(history(grandchild), ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(history(late), ElementsAre(1, 2, 3, 7));
  EXPECT_THAT(history(parent), ElementsAre(1, 2, 3, 6));
}

TEST_F(GraphForksTest, AStepWaitsWhileItsSessionsCompilerIsForked) {
  Latch forking;
  Latch release;
  std::atomic<bool> hold = false;
  script.on_fork = [&] {
    if (hold) {
      forking.arrive();
      release.wait();
    }
    return grpc::Status::OK;
  };
  serve();
  fork_once();
  const Session::Id parent = started();
  EXPECT_TRUE(step(parent, {1})->get());
  const Session::Id child = forked(parent);
  hold = true;
  const StepCall borrowing = step(child, {2});
  forking.wait();
  const StepCall waiting = step(parent, {3});
  EXPECT_FALSE(waiting->answered());
  const EndCall ending = end(parent);
  release.arrive();
  EXPECT_TRUE(borrowing->get());
  EXPECT_THAT(failure(waiting->get()), ::testing::AnyOf("OK", ::testing::HasSubstr("CANCELLED")));
  EXPECT_TRUE(ending->get());
  EXPECT_THAT(history(child), ElementsAre(1, 2));
}

TEST_F(GraphForksTest, ACompilerThatCantForkSaysSo) {
  script.on_fork = [] { return unimplemented("no forks"); };
  serve();
  const Session::Id session = started();
  for (int i = 0; i < 2; ++i) {
    EXPECT_EQ(failure(fork(session)->get()), "UNIMPLEMENTED: no forks");
  }
  EXPECT_TRUE(step(session, {1})->get());
  EXPECT_THAT(history(session), ElementsAre(1));
}

TEST_F(GraphForksTest, ParametersDoWhatTheyAreSaidToDo) {
  std::atomic<int> asked = 0;
  script.determinism.parameter = [](const std::string& key) {
    if (key == "state") {
      return ParameterEffect::kState;
    }
    if (key == "setting") {
      return ParameterEffect::kSetting;
    }
    return key == "reading" ? ParameterEffect::kReading : ParameterEffect::kUnknown;
  };
  script.on_parameter = [&](const std::string& key, const std::string& value,
                            std::optional<std::string>& reply) {
    ++asked;
    reply = key + "=" + value;
    return grpc::Status::OK;
  };
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_EQ(replied(first, "state", "1"), "state=1");
  EXPECT_EQ(replied(second, "state", "1"), "state=1");
  EXPECT_EQ(asked, 1) << "as an action";
  EXPECT_EQ(made(), 1);
  EXPECT_EQ(replied(first, "reading"), "reading=");
  EXPECT_EQ(replied(first, "reading"), "reading=");
  EXPECT_EQ(asked, 3) << "each time";
  EXPECT_EQ(replied(first, "unknown"), "INVALID_ARGUMENT: Unknown parameter: unknown");
  EXPECT_EQ(asked, 3);
  EXPECT_EQ(replied(first, "setting", "1"), "setting=1");
  EXPECT_EQ(asked, 4);

  // A fork has the settings of its parent, once it has a compiler.
  forked(first);
  const Session::Id child = forked(first);
  EXPECT_EQ(asked, 4);
  EXPECT_EQ(replied(first, "setting", "2"), "setting=2") << "which is not the child's";
  EXPECT_TRUE(step(child, {1})->get());
  EXPECT_EQ(asked, 5 + 2) << "the state and the setting";
}

TEST_F(GraphForksTest, AParameterOfWhichNobodySaysAnythingTakesTheSessionOutOfTheGraph) {
  script.on_parameter = [](const std::string& key, const std::string&,
                           std::optional<std::string>& reply) {
    if (key == "mine") {
      reply = "done";
    }
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started();
  EXPECT_EQ(replied(session, "not mine"), "INVALID_ARGUMENT: Unknown parameter: not mine");
  EXPECT_TRUE(step(session, {1})->get());
  EXPECT_EQ(figures().states, 2U) << "still in the graph";
  EXPECT_EQ(replied(session, "mine"), "done");
  EXPECT_TRUE(step(session, {2})->get());
  EXPECT_EQ(figures().states, 2U);
  EXPECT_THAT(history(session), ElementsAre(1, 2));
}

TEST_F(GraphForksTest, ItsFiguresAreParametersOfTheService) {
  script.determinism.parameter = [](const std::string&) { return ParameterEffect::kUnknown; };
  serve();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_TRUE(step(first, {1})->get());
  EXPECT_TRUE(step(second, {1})->get());
  EXPECT_EQ(replied(second, "service.state_graph.get_hits"), "2") << "the start and the step";
  EXPECT_EQ(replied(second, "service.state_graph.get_misses"), "1");
  EXPECT_EQ(replied(second, "service.state_graph.get_states"), "2");
  EXPECT_EQ(replied(second, "service.state_graph.get_evictions"), "0");
  EXPECT_EQ(replied(second, "service.state_graph.get_conflicts"), "0");
  EXPECT_EQ(replied(second, "service.state_graph.get_max_bytes"), "1048576");
  EXPECT_EQ(replied(second, "service.state_graph.get_bytes"),
            std::to_string(figures().size_in_bytes));
  EXPECT_EQ(replied(second, "service.state_graph.get_luck"),
            "INVALID_ARGUMENT: Unknown parameter: service.state_graph.get_luck");
  EXPECT_EQ(made(), 1);
}

}  // namespace
}  // namespace compiler_gym::testing
