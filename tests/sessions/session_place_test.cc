#include "sessions/graph/session_place.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "core/support/status.h"

namespace compiler_gym::graph {
namespace {

using ::testing::ElementsAre;
using Kind = PlaceAction::Kind;

Event action(std::int64_t value) {
  Event event;
  event.set_int64_value(value);
  return event;
}

// A session at a place, whose executor does what it is told.
class SessionPlaceTest : public ::testing::Test {
 protected:
  SessionPlaceTest() : place_(start(true)) {}

  SessionPlace start(bool has_executor) {
    return {graph_, graph_.add_start({.benchmark = benchmark_}), has_executor};
  }

  static StepRequest request(const std::vector<std::int64_t>& actions) {
    StepRequest request;
    for (const std::int64_t value : actions) {
      *request.add_action() = action(value);
    }
    return request;
  }

  // A step that its executor does, each action with an effect.
  void act(SessionPlace& place, const std::vector<std::int64_t>& actions) {
    EXPECT_EQ(place.begin(false).kind, Kind::kAsk);
    const StepRequest step = request(actions);
    place.leave();
    StepOutcome outcome;
    outcome.actions.resize(actions.size());
    outcome.end.had_no_effect = actions.empty();
    place.on_step(StepKeys(step, spaces_), outcome);
  }
  bool knows(SessionPlace& place, const std::vector<std::int64_t>& actions) {
    const StepRequest step = request(actions);
    return place.find_step(StepKeys(step, spaces_)).has_value();
  }
  // The actions of a part.
  static std::vector<std::int64_t> deeds(const StateGraph::Part& part) {
    std::vector<std::int64_t> values;
    for (const std::string& change : part.changes) {
      Event event;
      EXPECT_TRUE(parse_change(change, event));
      values.push_back(event.int64_value());
    }
    return values;
  }

  const std::shared_ptr<const Benchmark> benchmark_ = [] {
    auto benchmark = std::make_shared<Benchmark>();
    benchmark->set_uri("benchmark://a");
    return benchmark;
  }();
  const ServiceSpaces spaces_;
  StateGraph graph_{std::size_t{1} << 20};
  SessionPlace place_;
};

TEST_F(SessionPlaceTest, AnExecutorThatIsThereIsAsked) {
  EXPECT_EQ(place_.begin(false).kind, Kind::kAsk);
  act(place_, {1});
  EXPECT_EQ(place_.begin(false).kind, Kind::kAsk);
}

TEST_F(SessionPlaceTest, AnExecutorThatLagsBehindDoesWhatWasKnownMeanwhile) {
  SessionPlace other = place_.forked(false);
  act(place_, {1});
  act(place_, {2});
  act(place_, {3, 4});
  // The other one has not needed an executor so far.
  EXPECT_TRUE(knows(other, {1}));
  EXPECT_TRUE(knows(other, {2}));
  EXPECT_TRUE(knows(other, {3, 4}));
  EXPECT_FALSE(knows(other, {5}));

  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  PlaceAction next = other.on_started(grpc::Status::OK, false);
  ASSERT_EQ(next.kind, Kind::kReplay);
  EXPECT_THAT(deeds(next.part), ElementsAre(1, 2, 3, 4)) << "all at once";
  EXPECT_FALSE(other.has_executor());
  EXPECT_EQ(other.on_replayed(grpc::Status::OK, false).kind, Kind::kAsk);
  EXPECT_TRUE(other.has_executor());
}

TEST_F(SessionPlaceTest, WhatFailsAtOnceIsDoneStepByStep) {
  SessionPlace other = place_.forked(false);
  act(place_, {1});
  act(place_, {2});
  act(place_, {3, 4});
  EXPECT_TRUE(knows(other, {1, 2, 3, 4}));
  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  EXPECT_EQ(other.on_started(grpc::Status::OK, false).kind, Kind::kReplay);
  EXPECT_EQ(other.on_replayed(deadline_exceeded("Too long"), false).kind, Kind::kStart);
  PlaceAction next = other.on_started(grpc::Status::OK, false);
  EXPECT_THAT(deeds(next.part), ElementsAre(1));
  next = other.on_replayed(grpc::Status::OK, false);
  EXPECT_THAT(deeds(next.part), ElementsAre(2));
  next = other.on_replayed(grpc::Status::OK, false);
  EXPECT_THAT(deeds(next.part), ElementsAre(3, 4))
      << "no step is known to end well after the third";
  EXPECT_EQ(other.on_replayed(grpc::Status::OK, false).kind, Kind::kAsk);
}

TEST_F(SessionPlaceTest, OnlyTheRestIsDoneAgain) {
  SessionPlace other = start(true);
  act(place_, {1});
  act(other, {1});
  act(place_, {2});
  EXPECT_TRUE(knows(other, {2}));
  const PlaceAction next = other.begin(false);
  ASSERT_EQ(next.kind, Kind::kReplay);
  EXPECT_THAT(deeds(next.part), ElementsAre(2));
}

TEST_F(SessionPlaceTest, ARequestWhoseClientHasLeftIsRefused) {
  const PlaceAction next = place_.begin(true);
  EXPECT_EQ(next.kind, Kind::kRefuse);
  EXPECT_EQ(next.status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(place_.in_graph());
}

TEST_F(SessionPlaceTest, AClientMayLeaveWhileTheExecutorIsBrought) {
  SessionPlace other = place_.forked(false);
  act(place_, {1});
  EXPECT_TRUE(knows(other, {1}));
  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  const PlaceAction next = other.on_started(grpc::Status::OK, true);
  EXPECT_EQ(next.kind, Kind::kRefuse);
  EXPECT_EQ(next.status.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_FALSE(other.has_executor());
  EXPECT_EQ(other.begin(false).kind, Kind::kStart) << "the next request tries again";
}

TEST_F(SessionPlaceTest, WantOfSomethingIsHandedOnAndTheNextRequestTriesAgain) {
  SessionPlace other = place_.forked(false);
  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  const PlaceAction next = other.on_started(resource_exhausted("No processes"), false);
  EXPECT_EQ(next.kind, Kind::kRefuse);
  EXPECT_EQ(to_string(next.status), "RESOURCE_EXHAUSTED: No processes");
  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  EXPECT_EQ(other.on_started(grpc::Status::OK, false).kind, Kind::kAsk);
}

TEST_F(SessionPlaceTest, WhatSucceededBeforeAndFailsNowIsDataLoss) {
  SessionPlace other = place_.forked(false);
  act(place_, {1});
  EXPECT_TRUE(knows(other, {1}));
  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  EXPECT_EQ(other.on_started(grpc::Status::OK, false).kind, Kind::kReplay);
  EXPECT_EQ(other.on_replayed(internal_error("Oops"), false).kind, Kind::kStart);
  EXPECT_EQ(other.on_started(grpc::Status::OK, false).kind, Kind::kReplay);
  PlaceAction next = other.on_replayed(internal_error("Oops"), false);
  EXPECT_EQ(to_string(next.status),
            "DATA_LOSS: The session can't be restored, as what succeeded before fails now: Oops");
  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  next = other.on_started(not_found("No file"), false);
  EXPECT_EQ(to_string(next.status),
            "DATA_LOSS: The session can't be restored, as its benchmark can't be loaded any more: "
            "No file");
  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  next = other.on_program_changed();
  EXPECT_EQ(
      to_string(next.status),
      "DATA_LOSS: The session can't be restored, as the program of its benchmark has changed");
}

TEST_F(SessionPlaceTest, SettingsAreSentToANewExecutorEachOnce) {
  EXPECT_EQ(place_.begin(false).kind, Kind::kAsk);
  for (const char* const value : {"1", "2"}) {
    place_.leave();
    place_.on_setting("count", value);
  }
  place_.leave();
  place_.on_setting("other", "3");
  SessionPlace fork = place_.forked(false);
  EXPECT_EQ(fork.begin(false).kind, Kind::kStart);
  EXPECT_EQ(fork.on_started(grpc::Status::OK, false).kind, Kind::kSettings);
  EXPECT_THAT(fork.settings(), ElementsAre(std::pair("count", "2"), std::pair("other", "3")));
  EXPECT_EQ(fork.on_replayed(grpc::Status::OK, false).kind, Kind::kAsk);
}

TEST_F(SessionPlaceTest, AStepThatFailsIsNotRememberedAndTheSessionLeavesTheGraph) {
  EXPECT_EQ(place_.begin(false).kind, Kind::kAsk);
  place_.leave();
  EXPECT_FALSE(place_.in_graph()) << "also if nobody says any more what came of it";
  place_.on_failed();
  EXPECT_FALSE(place_.in_graph());
  EXPECT_EQ(graph_.figures().states, 1U);
}

TEST_F(SessionPlaceTest, WhatIsNotWhatItWasBeforeLeavesTheGraph) {
  SessionPlace other = start(true);
  act(place_, {1});
  const StepRequest step = request({1});
  other.leave();
  StepOutcome outcome;
  outcome.actions.push_back({.ends_episode = true});
  other.on_step(StepKeys(step, spaces_), outcome);
  EXPECT_FALSE(other.in_graph());
  EXPECT_TRUE(place_.in_graph());
}

TEST_F(SessionPlaceTest, ParametersAreOnTheWayToo) {
  SessionPlace other = place_.forked(false);
  SessionParameter parameter;
  parameter.set_key("push");
  place_.leave();
  place_.on_parameter(change_of(parameter), "reply");
  const WireBytes reply = other.find_parameter(change_of(parameter));
  ASSERT_NE(reply, nullptr);
  EXPECT_EQ(*reply, "reply");
  EXPECT_EQ(other.begin(false).kind, Kind::kStart);
  const PlaceAction next = other.on_started(grpc::Status::OK, false);
  ASSERT_EQ(next.kind, Kind::kReplay);
  EXPECT_TRUE(next.part.is_parameter);
  SessionParameter parsed;
  ASSERT_TRUE(parse_change(next.part.changes.at(0), parsed));
  EXPECT_EQ(parsed.key(), "push");
}

}  // namespace
}  // namespace compiler_gym::graph
