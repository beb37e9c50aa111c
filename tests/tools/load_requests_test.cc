// What the load generator asks for: actions, episodes, warm steps, cold programs.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <set>
#include <vector>

#include "tests/tools/load_generator_fixture.h"

namespace compiler_gym {
namespace {

using ::testing::ElementsAre;
using testing::InProcessServer;

class LoadRequestsTest : public testing::LoadGeneratorTest {};

TEST_F(LoadRequestsTest, WithoutActionsOnlyAsksForTheObservations) {
  options_.actions_per_step = 0;
  options_.observation_spaces = {"count"};
  const LoadResult result = run_ok();
  EXPECT_EQ(result[Rpc::kStep].latency.count(), 200);
  EXPECT_EQ(server_.service().actions_applied(), 0);
}

TEST_F(LoadRequestsTest, AnEpisodeEndsAfterItsStepsAndAnotherBegins) {
  options_.sessions = 1;
  options_.episode = 45;
  const LoadResult result = run_ok();
  EXPECT_EQ(result[Rpc::kStep].latency.count(), 200);
  EXPECT_EQ(result[Rpc::kEndSession].latency.count(), 4);
  EXPECT_EQ(result[Rpc::kStartSession].latency.count(), 4);
  std::vector<std::size_t> lengths;
  for (const auto& actions : server_.service().actions_by_session()) {
    lengths.push_back(actions.size());
  }
  EXPECT_THAT(lengths, ElementsAre(45, 45, 45, 45, 20));
  EXPECT_EQ(server_.service().session_count(), 0);
}

TEST_F(LoadRequestsTest, WarmStepsComeBeforeWhatIsMeasured) {
  options_.sessions = 1;
  options_.operations = 5;
  options_.warm_steps = 20;
  set_mix("fork=1");
  const LoadResult result = run_ok();
  EXPECT_EQ(result[Rpc::kForkSession].latency.count(), 5);
  EXPECT_EQ(result[Rpc::kStep].call_count(), 0);
  EXPECT_EQ(server_.service().calls("Step"), 20) << "the children have their parent's";

  set_mix("start=1");
  EXPECT_EQ(run_ok()[Rpc::kStep].call_count(), 0);
  EXPECT_EQ(server_.service().calls("Step"), 20 + 6 * 20);
}

TEST_F(LoadRequestsTest, ReportsAWarmStepThatFailsAndLeavesNoSession) {
  options_.sessions = 1;
  options_.warm_steps = 3;
  server_.service().lose_session_every(3);
  const auto result = run();
  ASSERT_FALSE(result);
  EXPECT_EQ(to_string(result.error()), "NOT_FOUND: Step: Session not found: 0");
  EXPECT_EQ(server_.service().session_count(), 0);
}

TEST_F(LoadRequestsTest, CountsAWarmStepThatFailsLater) {
  options_.sessions = 1;
  options_.operations = 5;  // of which the third makes the fourth step
  options_.warm_steps = 1;
  server_.service().lose_session_every(4);
  set_mix("end=1");
  const LoadResult result = run_ok();
  EXPECT_EQ(result[Rpc::kStep].errors.at(grpc::StatusCode::NOT_FOUND), 1);
  EXPECT_EQ(result[Rpc::kStep].latency.count(), 0);
}

TEST_F(LoadRequestsTest, NeverDrawsAnAvoidedAction) {
  options_.avoided_actions = {"b"};
  run_ok();
  std::set<std::int64_t> drawn;
  for (const auto& actions : server_.service().actions_by_session()) {
    drawn.insert(actions.begin(), actions.end());
  }
  EXPECT_THAT(drawn, ElementsAre(0, 2));
}

TEST_F(LoadRequestsTest, RefusesToAvoidAnActionThatIsNotThereOrAllThatAre) {
  options_.avoided_actions = {"b", "d"};
  EXPECT_EQ(to_string(run().error()), "NOT_FOUND: action space 'counting' has no action 'd'");
  options_.avoided_actions = {"a", "b", "c"};
  EXPECT_EQ(to_string(run().error()),
            "INVALID_ARGUMENT: all actions of action space 'counting' are to be avoided");
}

TEST_F(LoadRequestsTest, ASessionsActionsDependOnTheSeedAndNotOnTheOthers) {
  // arrange: how many steps each of the four sessions makes is up to chance
  const auto run_with = [&](std::uint64_t seed) {
    InProcessServer server;
    options_.target = server.tcp_target();
    options_.seed = seed;
    options_.operations = 400;
    run_ok();
    auto actions = server.service().actions_by_session();
    std::ranges::sort(actions);  // sessions are opened in any order
    return actions;
  };
  const auto begin_alike = [](const auto& one, const auto& other) {
    return std::equal(one.begin(), one.begin() + std::min(one.size(), other.size()), other.begin());
  };

  // act
  const auto first = run_with(1);
  const auto again = run_with(1);
  const auto otherwise = run_with(2);

  // observe
  ASSERT_EQ(first.size(), 4U);
  ASSERT_EQ(again.size(), 4U);
  EXPECT_TRUE(std::ranges::equal(first, again, begin_alike));
  EXPECT_FALSE(std::ranges::equal(first, otherwise, begin_alike));
  EXPECT_FALSE(begin_alike(first[0], first[1])) << "each has its own";
}

TEST_F(LoadRequestsTest, ColdSessionsAreOnProgramsThatTheServiceHasNotSeen) {
  options_.operations = 20;
  set_mix("start=1");
  run_ok();
  EXPECT_EQ(server_.service().benchmark_count(), 1U);

  options_.cold = true;
  run_ok();
  EXPECT_EQ(server_.service().benchmark_count(), 1U + 24U);
  run_ok();
  EXPECT_EQ(server_.service().benchmark_count(), 1U + 24U + 24U) << "nor in an earlier run";
  EXPECT_EQ(server_.service().calls("AddBenchmark"), 1);
}

}  // namespace
}  // namespace compiler_gym
