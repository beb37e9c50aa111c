// Streams of large requests: who parses them, and how many are read.
#include <gmock/gmock.h>

#include "tests/async_server/stream_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;

class StreamSizeTest : public StreamFixture {
 protected:
  StreamRequest sized_step(std::uint64_t id, Session::Id session, std::int64_t action,
                           std::size_t bytes) {
    StreamRequest request = streamed_step(id, session, {action}, {0});
    request.mutable_step()->add_action()->set_string_value(std::string(bytes, 'x'));
    return request;
  }
};

// The only worker that parses is held by a start.
TEST_F(StreamSizeTest, ALargeRequestIsParsedElsewhereAndKeepsItsPlace) {
  Latch initialised;
  script.on_init = [&](const Benchmark& benchmark) {
    if (benchmark.uri() == "benchmark://slow/1") {
      initialised.wait();
    }
    return grpc::Status::OK;
  };
  ServerOptions options = default_options();
  options.workers = 1;
  serve(options);
  const Session::Id session = started_session();
  wait_for_in_flight(0);
  auto slow = start_session("benchmark://slow/1");
  wait_for_in_flight(1);
  const auto stream = open_stream();
  const auto other = open_stream();
  stream->send({sized_step(1, session, 1, 100'000), streamed_step(2, session, {2}, {0})});
  other->send({streamed_version(3)});
  EXPECT_EQ(outcome_of(other->next()), "OK") << "the thread that serves everybody is free";
  let_the_server_go_on();
  EXPECT_EQ(actions_, 0);
  initialised.open();
  EXPECT_TRUE(get_within_watchdog(std::move(slow)));
  auto replies = stream->next(2);
  EXPECT_THAT(history(replies.at(1)), ElementsAre(1, 0));
  EXPECT_THAT(history(replies.at(2)), ElementsAre(1, 0, 2));
}

TEST_F(StreamSizeTest, AfterALargeMessageNoMoreIsReadThanTheServiceHasRoomFor) {
  ServerOptions options = default_options();
  options.max_bytes_in_flight = 1'000'000;
  serve(options);
  const Session::Id session = started_session();
  const Session::Id other = started_session();
  wait_for_in_flight(0);
  StepRequest large = step_request(session, {kHold});
  large.add_action()->set_string_value(std::string(700'000, 'x'));
  auto held = client->step(large, {}, boost::asio::use_future);
  wait_until_held();

  const auto stream = open_stream();
  stream->send({sized_step(1, other, 1, 500'000)});
  EXPECT_THAT(outcome_of(stream->next()), ::testing::StartsWith("RESOURCE_EXHAUSTED"));
  stream->send({streamed_step(2, other, {7})});
  const auto fresh = open_stream();
  fresh->send({streamed_version(3)});
  EXPECT_EQ(outcome_of(fresh->next()), "OK") << "a stream of small messages is read";
  fresh->send({streamed_version(4)});
  EXPECT_EQ(outcome_of(fresh->next()), "OK");
  let_the_server_go_on();
  EXPECT_EQ(actions_, 0) << "there would be room for the step, but not for another large message";
  release_.open();
  EXPECT_TRUE(get_within_watchdog(std::move(held)));
  EXPECT_EQ(outcome_of(stream->next()), "OK");
  stream->send({sized_step(5, other, 1, 500'000)});
  EXPECT_EQ(outcome_of(stream->next()), "OK");
}

TEST_F(StreamSizeTest, AReplyThatIsTooLargeIsRefusedAndTheSessionLivesOn) {
  script.on_observation = [](const ObservationSpace&, Event& observation) {
    observation.set_string_value(std::string(2'000, 'x'));
    return grpc::Status::OK;
  };
  ServerOptions options = default_options();
  options.sessions.max_reply_bytes = 1'000;
  serve(options);
  const Session::Id session = started_session();
  constexpr auto* kRefusal =
      "RESOURCE_EXHAUSTED: The reply of 2006 bytes exceeds the limit of 1000 (--max_reply_size)";
  const auto unary = get_within_watchdog(step(session, {1}, {0}));
  ASSERT_FALSE(unary);
  EXPECT_EQ(to_string(unary.error()), kRefusal);
  const auto stream = open_stream();
  stream->send({streamed_step(1, session, {2}, {0}), streamed_step(2, session, {3})});
  auto replies = stream->next(2);
  EXPECT_EQ(outcome_of(replies.at(1)), kRefusal);
  EXPECT_EQ(outcome_of(replies.at(2)), "OK");
}

TEST_F(StreamSizeTest, AMessageForWhichThereIsNeverRoomIsNotRead) {
  ServerOptions options = default_options();
  options.max_bytes_in_flight = 1'000'000;
  serve(options);
  const auto stream = open_stream();
  stream->send({sized_step(1, 0, 1, std::size_t{4} << 20)});
  const grpc::Status end = stream->end();
  EXPECT_EQ(end.error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_THAT(end.error_message(), ::testing::HasSubstr("larger than max"));
}

}  // namespace
}  // namespace compiler_gym::testing
