#include "sessions/internal/step_bytes.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>

#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym::internal {
namespace {

using ::testing::ElementsAre;

WireBytes wire(std::string bytes) {
  return std::make_shared<const std::string>(std::move(bytes));
}

Event text(const std::string& value) {
  Event event;
  event.set_string_value(value);
  return event;
}

class StepReplyBytesTest : public ::testing::TestWithParam<std::tuple<bool, bool, bool, int>> {};

TEST_P(StepReplyBytesTest, AreThoseThatProtobufWrites) {
  const auto [ends, no_effect, has_space, observations] = GetParam();
  StepReply reply;
  StateGraph::KnownStep known{.end_of_session = ends, .had_no_effect = no_effect};
  reply.set_end_of_session(ends);
  reply.set_action_had_no_effect(no_effect);
  if (has_space) {
    reply.mutable_new_action_space()->set_name("space");
    known.new_action_space = wire(reply.new_action_space().SerializeAsString());
  }
  for (int i = 0; i < observations; ++i) {
    // The first one is empty, the last ones need more than a byte for their size.
    *reply.add_observation() =
        i == 0 ? Event() : text(std::string(static_cast<std::size_t>(i) * 150, 'x'));
    known.observations.push_back(wire(reply.observation(i).SerializeAsString()));
  }
  const std::string bytes = step_reply_bytes(known);
  EXPECT_EQ(bytes, reply.SerializeAsString());

  const auto found = observations_in(bytes);
  ASSERT_TRUE(found.has_value());
  ASSERT_EQ(found->size(), known.observations.size());
  for (std::size_t i = 0; i < found->size(); ++i) {
    EXPECT_EQ((*found)[i], *known.observations[i]);
  }
}

INSTANTIATE_TEST_SUITE_P(All, StepReplyBytesTest,
                         ::testing::Combine(::testing::Bool(), ::testing::Bool(), ::testing::Bool(),
                                            ::testing::Values(0, 1, 4)));

TEST(StepReplyBytesTest, WhatIsCutOffIsNoReply) {
  StepReply reply;
  *reply.add_observation() = text("observation");
  const std::string bytes = reply.SerializeAsString();
  for (std::size_t size = 1; size < bytes.size(); ++size) {
    EXPECT_FALSE(observations_in(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
}

TEST(StepOutcomeBytesTest, TravelBehindTheReply) {
  StepOutcome outcome;
  outcome.actions.push_back({.had_no_effect = true, .left_no_trace = true});
  outcome.actions.push_back({.new_action_space = wire("a space")});
  outcome.actions.push_back({.ends_episode = true, .new_action_space = wire("")});
  outcome.end = {.had_no_effect = false,
                 .episode_ended = true,
                 .ends_episode = true,
                 .new_action_space = wire(std::string(300, 's'))};
  outcome.is_special = true;
  std::string bytes = "the reply";
  append_outcome(outcome, bytes);

  StepOutcome taken;
  ASSERT_TRUE(take_outcome(bytes, taken));
  EXPECT_EQ(bytes, "the reply");
  ASSERT_EQ(taken.actions.size(), 3U);
  EXPECT_TRUE(taken.actions[0].had_no_effect);
  EXPECT_TRUE(taken.actions[0].left_no_trace);
  EXPECT_EQ(taken.actions[0].new_action_space, nullptr);
  EXPECT_FALSE(taken.actions[1].had_no_effect);
  EXPECT_EQ(*taken.actions[1].new_action_space, "a space");
  EXPECT_TRUE(taken.actions[2].ends_episode);
  EXPECT_EQ(*taken.actions[2].new_action_space, "") << "an empty space is one all the same";
  EXPECT_FALSE(taken.end.had_no_effect);
  EXPECT_TRUE(taken.end.episode_ended);
  EXPECT_TRUE(taken.end.ends_episode);
  EXPECT_EQ(*taken.end.new_action_space, std::string(300, 's'));
  EXPECT_TRUE(taken.is_special);
}

TEST(StepOutcomeBytesTest, AreMissedWhereTheyAreNot) {
  StepOutcome outcome;
  for (std::string bytes :
       {std::string(), std::string("abc"), std::string(8, '\0'), std::string(8, '\xff')}) {
    EXPECT_FALSE(take_outcome(bytes, outcome));
  }
}

}  // namespace
}  // namespace compiler_gym::internal
