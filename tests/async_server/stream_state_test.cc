// What follows from what happens to a stream, without one.
#include "async_server/internal/stream_state.h"

#include <gmock/gmock.h>

namespace compiler_gym::internal {
namespace {

using ::testing::ElementsAre;

constexpr StreamOptions kTwoRequests{.max_requests_in_flight = 2, .max_bytes_in_flight = 100};

std::string written(const StreamState::Next& next) {
  return next.write ? next.write->bytes : "nothing";
}

TEST(StreamStateTest, WritesAReplyAtOnceAndThoseThatComeMeanwhileTogether) {
  StreamState state(kTwoRequests);
  for (const std::uint64_t id : {1, 2, 3}) {
    EXPECT_TRUE(state.open(id, 1, {}));
  }
  state.answer(1, true, 1, "a", {});
  EXPECT_EQ(written(state.next()), "a");
  state.answer(2, true, 1, "b", {});
  EXPECT_EQ(written(state.next()), "nothing");
  state.answer(3, true, 1, "c", {});
  EXPECT_EQ(written(state.next()), "nothing");
  state.written(true);
  EXPECT_EQ(written(state.next()), "bc");
}

TEST(StreamStateTest, HoldsTheRepliesOfABatchUntilItIsDone) {
  StreamState state(kTwoRequests);
  EXPECT_TRUE(state.begin_batch());
  state.hold_replies();
  for (const std::uint64_t id : {1, 2}) {
    EXPECT_TRUE(state.open(id, 1, {}));
    state.answer(id, true, 1, "x", {});
    EXPECT_EQ(written(state.next()), "nothing");
  }
  state.batch_done();
  EXPECT_EQ(written(state.next()), "xx");
}

TEST(StreamStateTest, DoesNotHoldRepliesThatWouldMakeRoomForARequestOfTheBatch) {
  StreamState state(kTwoRequests);
  EXPECT_TRUE(state.begin_batch());
  state.hold_replies();
  EXPECT_TRUE(state.open(1, 1, {}));
  EXPECT_TRUE(state.open(2, 1, {}));
  state.answer(1, true, 1, "a", {});
  EXPECT_FALSE(state.has_room(1));
  state.wait_for_room(1);
  const StreamState::Next next = state.next();
  EXPECT_EQ(written(next), "a");
  EXPECT_FALSE(next.resume) << "gRPC has not taken it yet";
  state.written(true);
  EXPECT_TRUE(state.next().resume);
}

TEST(StreamStateTest, TakesASingleRequestOfAnySize) {
  StreamState state(kTwoRequests);
  EXPECT_TRUE(state.has_room(1000));
  EXPECT_TRUE(state.open(1, 1, {}));
  EXPECT_TRUE(state.has_room(99));
  EXPECT_FALSE(state.has_room(100));
}

TEST(StreamStateTest, EndsWithTheFirstStatusWhenNothingIsOpenAndNoBatchInHand) {
  StreamState state(kTwoRequests);
  EXPECT_TRUE(state.begin_batch());
  EXPECT_TRUE(state.open(1, 1, {}));
  state.end_when_answered(unavailable("first"));
  state.end_when_answered(grpc::Status::OK);
  state.answer(1, true, 1, "a", {});
  EXPECT_EQ(state.next().finish, nullptr);
  state.written(true);
  EXPECT_EQ(state.next().finish, nullptr);
  state.batch_done();
  const StreamState::Next next = state.next();
  ASSERT_NE(next.finish, nullptr);
  EXPECT_EQ(next.finish->error_message(), "first");
  EXPECT_EQ(state.next().finish, nullptr) << "once";
  EXPECT_FALSE(state.begin_batch());
  state.event_came();
  EXPECT_FALSE(state.next().resume);
  state.event_came();
  EXPECT_TRUE(state.next().resume) << "who waits for the end";
}

TEST(StreamStateTest, AClientThatIsGoneHasItsRequestsStoppedTheLastOneFirst) {
  StreamState state(kTwoRequests);
  std::vector<int> stopped;
  std::vector<std::stop_source> sources(3);
  const std::stop_callback first(sources[0].get_token(), [&] { stopped.push_back(0); });
  const std::stop_callback second(sources[1].get_token(), [&] { stopped.push_back(1); });
  const std::stop_callback third(sources[2].get_token(), [&] { stopped.push_back(2); });
  EXPECT_TRUE(state.open(7, 1, sources[0]));
  EXPECT_TRUE(state.open(5, 1, sources[1]));
  EXPECT_TRUE(state.open(6, 1, sources[2]));
  state.answer(5, true, 1, "a", {});
  for (std::stop_source& stop : state.client_gone()) {
    stop.request_stop();
  }
  EXPECT_THAT(stopped, ElementsAre(2, 0));
  const StreamState::Next next = state.next();
  EXPECT_EQ(next.dropped.size(), 1U);
  EXPECT_EQ(written(next), "nothing");
}

TEST(StreamStateTest, ARequestOfAnIdThatIsInUseIsOpenButNotKnownByIt) {
  StreamState state(kTwoRequests);
  EXPECT_TRUE(state.open(1, 1, {}));
  EXPECT_FALSE(state.open(1, 1, {}));
  state.answer(1, false, 1, "refused", {});
  EXPECT_EQ(written(state.next()), "refused");
  EXPECT_FALSE(state.open(1, 1, {})) << "the first one is still there";
}

}  // namespace
}  // namespace compiler_gym::internal
