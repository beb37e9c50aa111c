#include "context/state_graph.h"

#include <gmock/gmock.h>

#include "tests/context/state_graph_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class StateGraphTest : public StateGraphFixture {
 protected:
  static std::vector<std::string> texts(const WireBytesList& bytes) {
    std::vector<std::string> found;
    for (const WireBytes& one : bytes) {
      found.push_back(*one);
    }
    return found;
  }

  const StateOrigin origin_ = origin("benchmark://a");
};

TEST_F(StateGraphTest, KnowsNoStartThatItHasNotSeen) {
  EXPECT_FALSE(graph_.find_start(origin_));
  const State start = graph_.add_start(origin_);
  EXPECT_TRUE(start);
  EXPECT_EQ(graph_.find_start(origin_), start);
  EXPECT_EQ(graph_.add_start(origin_), start);
}

TEST_F(StateGraphTest, TellsOriginsApart) {
  const State start = graph_.add_start(origin_);
  StateOrigin other = origin_;
  other.action_space = 1;
  EXPECT_FALSE(graph_.find_start(other));
  other = origin_;
  other.program_stamp = "changed";
  EXPECT_FALSE(graph_.find_start(other));
  EXPECT_FALSE(graph_.find_start(origin("benchmark://a", "another program")));
  EXPECT_FALSE(graph_.find_start(origin("benchmark://b")));
}

TEST_F(StateGraphTest, KnowsABenchmarkThatWasSentAgain) {
  const State start = graph_.add_start(origin_);
  EXPECT_EQ(graph_.find_start(origin("benchmark://a")), start);
}

TEST_F(StateGraphTest, AnswersAStepThatItHasSeen) {
  State one = graph_.add_start(origin_);
  State other = one;
  StepOutcome outcome = changing({"zero", "one"});
  outcome.actions[0].new_action_space = wire("space");
  graph_.add_step(one, Actions{"x"}, outcome);

  const auto known = find(other, {"x"}, {1, 0, 1});
  ASSERT_TRUE(known.has_value());
  EXPECT_FALSE(known->had_no_effect);
  EXPECT_FALSE(known->end_of_session);
  EXPECT_EQ(*known->new_action_space, "space");
  EXPECT_THAT(texts(known->observations), ElementsAre("one", "zero", "one"));
  EXPECT_EQ(other, one);
}

TEST_F(StateGraphTest, DoesNotMoveWhereAnythingIsUnknown) {
  const State start = graph_.add_start(origin_);
  State state = start;
  graph_.add_step(state, Actions{"x"}, changing({"zero"}));
  state = start;
  EXPECT_FALSE(find(state, {"y"}));
  EXPECT_FALSE(find(state, {"x", "y"}));
  EXPECT_FALSE(find(state, {"x"}, {0, 1}));
  EXPECT_FALSE(find(state, {}, {0})) << "nobody has asked for that at the start";
  EXPECT_EQ(state, start);
}

TEST_F(StateGraphTest, AStepsEndIsKnownWhereOneHasEndedWell) {
  const State start = graph_.add_start(origin_);
  State state = start;
  StepOutcome outcome = changing();
  outcome.actions.push_back({});
  graph_.add_step(state, Actions{"x", "y"}, outcome);

  state = start;
  EXPECT_FALSE(find(state, {"x"})) << "the compiler might refuse what x alone leaves behind";
  EXPECT_TRUE(find(state, {"x", "y"}));
}

TEST_F(StateGraphTest, AStepsEndIsKnownByWhatItWasTold) {
  const State start = graph_.add_start(origin_);
  State state = start;
  graph_.add_step(state, Actions{"x"}, changing());
  EXPECT_FALSE(find(state, {})) << "of a step with an effect only";
  StepOutcome nothing;
  nothing.end.ends_episode = true;
  nothing.end.new_action_space = wire("from the end");
  graph_.add_step(state, Actions{}, nothing);
  const auto known = find(state, {});
  ASSERT_TRUE(known.has_value());
  EXPECT_TRUE(known->had_no_effect);
  EXPECT_TRUE(known->end_of_session);
  EXPECT_EQ(*known->new_action_space, "from the end");
}

TEST_F(StateGraphTest, AnEndThatOnlyChecksIsKnownWhateverItIsTold) {
  const State start = graph_.add_start(origin_);
  State state = start;
  StepOutcome outcome = changing({"zero"});
  outcome.end.only_checks = true;
  graph_.add_step(state, Actions{"x"}, outcome);
  const auto known = find(state, {}, {0});
  ASSERT_TRUE(known.has_value());
  EXPECT_TRUE(known->had_no_effect);
  EXPECT_FALSE(known->end_of_session);
}

TEST_F(StateGraphTest, TheActionsAfterOneThatEndsTheEpisodeAreNotApplied) {
  const State start = graph_.add_start(origin_);
  State state = start;
  StepOutcome outcome = changing();
  outcome.actions[0].ends_episode = true;
  outcome.end.episode_ended = true;
  outcome.end.ends_episode = true;
  graph_.add_step(state, Actions{"x", "y"}, outcome);
  State other = start;
  const auto known = find(other, {"x", "never seen"});
  ASSERT_TRUE(known.has_value());
  EXPECT_TRUE(known->end_of_session);
  EXPECT_EQ(other, state);
}

TEST_F(StateGraphTest, AChangeThatLeavesNoTraceLeadsToTheSameState) {
  const State start = graph_.add_start(origin_);
  State state = start;
  graph_.add_step(state, Actions{"idle"}, idle());
  EXPECT_EQ(state, start);
  const auto known = find(state, {"idle", "idle"});
  ASSERT_TRUE(known.has_value());
  EXPECT_TRUE(known->had_no_effect);
  EXPECT_EQ(state, start);
}

TEST_F(StateGraphTest, ADifferentOutcomeOfTheSameIsAConflict) {
  const State start = graph_.add_start(origin_);
  State state = start;
  graph_.add_step(state, Actions{"x"}, changing());
  state = start;
  StepOutcome other = changing();
  other.actions[0].ends_episode = true;
  graph_.add_step(state, Actions{"x"}, other);
  EXPECT_FALSE(state);
  EXPECT_EQ(graph_.figures().conflicts, 1U);
}

TEST_F(StateGraphTest, ParametersAreChangesWithAReply) {
  const State start = graph_.add_start(origin_);
  State state = start;
  EXPECT_EQ(graph_.find_parameter(state, "p"), nullptr);
  graph_.add_parameter(state, "p", "reply");
  EXPECT_FALSE(state == start);
  State other = start;
  const WireBytes reply = graph_.find_parameter(other, "p");
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(*reply, "reply");
  EXPECT_EQ(other, state);
}

TEST_F(StateGraphTest, TheWayIsInStepsThatHaveEndedWell) {
  const State start = graph_.add_start(origin_);
  State state = start;
  graph_.add_step(state, Actions{"a"}, changing());
  graph_.add_step(state, Actions{"idle"}, idle());
  StepOutcome two = changing();
  two.actions.push_back({});
  graph_.add_step(state, Actions{"b", "c"}, two);
  graph_.add_parameter(state, "p", "reply");
  graph_.add_step(state, Actions{"d"}, changing());
  EXPECT_THAT(way(start, state), ElementsAre("a", "bc", "!p", "d"));
  EXPECT_THAT(way(state, state), IsEmpty());
  State there = start;
  ASSERT_TRUE(find(there, {"a"}));
  EXPECT_THAT(way(there, state), ElementsAre("bc", "!p", "d"));
}

TEST_F(StateGraphTest, ObservationsOfAStateCanBeAddedAndFoundByThemselves) {
  const State start = graph_.add_start(origin_);
  EXPECT_FALSE(graph_.find_observations(start, Spaces{2}).has_value());
  graph_.add_observations(start, {{.space = 2, .event = wire("two")}});
  EXPECT_THAT(texts(graph_.find_observations(start, Spaces{2, 2}).value()),
              ElementsAre("two", "two"));
}

TEST_F(StateGraphTest, CountsWhatItKnewAndWhatItDidNot) {
  const State start = graph_.add_start(origin_);
  State state = start;
  EXPECT_FALSE(find(state, {"x"}));
  graph_.add_step(state, Actions{"x"}, changing());
  state = start;
  EXPECT_TRUE(find(state, {"x"}));
  EXPECT_TRUE(find(state, {}) == std::nullopt);
  const StateGraph::Figures figures = graph_.figures();
  EXPECT_EQ(figures.hits, 1U);
  EXPECT_EQ(figures.misses, 2U);
  EXPECT_EQ(figures.states, 2U);
  EXPECT_EQ(figures.max_size_in_bytes, std::size_t{1} << 20);
}

}  // namespace
}  // namespace compiler_gym::testing
