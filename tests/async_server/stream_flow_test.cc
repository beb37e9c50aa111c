// How streams end, and how much of one a server takes on at a time.
#include <gmock/gmock.h>

#include "tests/async_server/stream_fixture.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;

class StreamFlowTest : public StreamFixture {};

// -------------------------------------------------------------------------------------------- end

TEST_F(StreamFlowTest, AClosedSideIsAnsweredAndThenTheStreamEndsWithOk) {
  serve();
  const Session::Id session = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(1, session, {kHold}), streamed_step(2, session, {2})});
  stream->close();
  wait_until_held();
  let_the_server_go_on();
  EXPECT_EQ(stopped_, 0) << "closing is not cancelling";
  release_.open();
  EXPECT_TRUE(stream->end().ok());
  EXPECT_EQ(stream->unread(), 2U);
}

TEST_F(StreamFlowTest, AStreamWithoutRequestsEndsWithOk) {
  serve();
  const auto stream = open_stream();
  stream->close();
  EXPECT_TRUE(stream->end().ok());
}

TEST_F(StreamFlowTest, ACancelledStreamStopsWhatRunsAndDropsWhatWaits) {
  serve();
  const Session::Id first = started_session();
  const Session::Id second = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(1, first, {kHold}), streamed_step(2, first, {2}),
                streamed_step(3, second, {kHold}), streamed_step(4, second, {4})});
  wait_until_held(2);

  stream->cancel();

  EXPECT_EQ(stream->end().error_code(), grpc::StatusCode::CANCELLED);
  poll_until([&] { return stopped_ == 2; });
  wait_for_in_flight(0);
  EXPECT_EQ(actions_, 2) << "steps 2 and 4 have not run";
  EXPECT_TRUE(get_within_watchdog(step(first, {5}))) << "the session is there for others";
}

TEST_F(StreamFlowTest, AClientThatVanishesIsAsOneThatCancels) {
  serve();
  const Session::Id session = started_session();
  auto stream = open_stream();
  stream->send({streamed_step(1, session, {kHold}), streamed_step(2, session, {2})});
  wait_until_held();
  stream->cancel();
  stream.reset();  // with its channel
  wait_for_in_flight(0);
  EXPECT_EQ(stopped_, 1);
  EXPECT_EQ(actions_, 1);
}

TEST_F(StreamFlowTest, EndingASessionOfAStreamDoesNotStopItsOthers) {
  // Stop sources are each request's own.
  script.on_action = {};
  serve();
  const Session::Id first = started_session();
  const Session::Id second = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(1, first, {1}), streamed_step(2, second, {2})});
  stream->next(2);
  EXPECT_TRUE(get_within_watchdog(end_session(first)));
  stream->send({streamed_step(3, second, {3}, {0})});
  EXPECT_THAT(history(stream->next()), ::testing::ElementsAre(2, 3));
}

// ------------------------------------------------------------------------------------------ drain

// Another call outlives the stream: with the last one the server cuts its connections, and a client
// that happens to write at that moment loses what it has not read.
TEST_F(StreamFlowTest, ADrainAnswersWhatRunsRefusesTheRestAndEndsTheStream) {
  constexpr std::int64_t kHoldLonger = 1001;
  Latch release_last;
  script.on_action = [&, hold = script.on_action](std::int64_t action, auto& effects,
                                                  const std::stop_token& stop) {
    if (action == kHoldLonger) {
      release_last.wait();
    }
    return hold(action, effects, stop);
  };
  serve();
  const Session::Id session = started_session();
  const Session::Id other = started_session();
  const auto stream = open_stream();
  wait_for_in_flight(0);
  auto last = step(other, {kHoldLonger});
  stream->send({streamed_step(1, session, {kHold}, {0}), streamed_step(2, session, {2})});
  wait_until_held();
  wait_for_in_flight(3);

  server->async_drain(1h, [](const grpc::Status&) {});
  poll_until([&] { return logger.count(LogLevel::kInfo, "drain: begins") == 1; });
  stream->send({streamed_version(3), streamed_step(4, session, {4})});
  auto refused = stream->next(2);
  EXPECT_EQ(outcome_of(refused.at(3)), "UNAVAILABLE: The service is shutting down");
  EXPECT_EQ(outcome_of(refused.at(4)), "UNAVAILABLE: The service is shutting down");

  release_.open();
  auto answered = stream->next(2);
  EXPECT_EQ(outcome_of(answered.at(1)), "OK");
  EXPECT_EQ(outcome_of(answered.at(2)), "OK");
  EXPECT_EQ(to_string(stream->end()), "UNAVAILABLE: The service is shutting down");
  release_last.open();
  static_cast<void>(get_within_watchdog(std::move(last)));
  EXPECT_TRUE(join().ok());
}

TEST_F(StreamFlowTest, ADrainEndsIdleStreams) {
  serve();
  const auto used = open_stream();
  used->send({streamed_version(1)});
  used->next();
  const auto unused = open_stream();
  get_within_watchdog(client->get_version({}, boost::asio::use_future));
  // With an hour's grace it would hang if it waited for the clients.
  EXPECT_TRUE(drain_and_join(1h).ok());
  EXPECT_EQ(used->end().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(unused->end().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(StreamFlowTest, TheEndOfTheGracePeriodStopsWhatRuns) {
  serve();
  const auto stream = open_stream();
  stream->send({streamed_step(1, started_session(), {kHold})});
  wait_until_held();
  EXPECT_TRUE(drain_and_join(0s).ok());
  EXPECT_EQ(stopped_, 1);
  EXPECT_FALSE(stream->end().ok());
}

// ----------------------------------------------------------------------------------------- limits

TEST_F(StreamFlowTest, TakesOnNoMoreRequestsThanTheLimit) {
  constexpr int kSteps = 20;
  ServerOptions options = default_options();
  options.streams.max_requests_in_flight = 3;
  serve(options);
  const Session::Id session = started_session();
  wait_for_in_flight(0);
  const auto stream = open_stream();
  std::vector<StreamRequest> batch;
  for (std::uint64_t id = 0; id < kSteps; ++id) {
    batch.push_back(streamed_step(id, session, {id == 0 ? kHold : std::int64_t{1}}));
  }
  stream->send(batch);
  wait_until_held();
  wait_for_in_flight(3);
  let_the_server_go_on();
  EXPECT_EQ(server->requests_in_flight(), 3U);

  release_.open();

  for (const auto& [id, reply] : stream->next(kSteps)) {
    EXPECT_EQ(outcome_of(reply), "OK");
  }
  EXPECT_EQ(actions_, kSteps);
}

// Cheap steps are done as soon as they are read.
TEST_F(StreamFlowTest, RepliesThatAreThereAtOnceGoInOneMessage) {
  constexpr int kSteps = 20;
  script.is_cheap = [](const StepRequest&) { return true; };
  serve();
  std::vector<StreamRequest> batch;
  for (std::uint64_t id = 0; id < kSteps; ++id) {
    batch.push_back(streamed_step(id, started_session(), {1}));
  }
  const auto stream = open_stream();
  stream->send(batch);
  stream->next(kSteps);
  EXPECT_EQ(stream->messages(), 1);
}

TEST_F(StreamFlowTest, RepliesThatAreThereAtOnceMakeRoomForTheRestOfTheirBatch) {
  constexpr int kSteps = 20;
  script.is_cheap = [](const StepRequest&) { return true; };
  ServerOptions options = default_options();
  options.streams.max_requests_in_flight = 3;
  serve(options);
  const Session::Id session = started_session();
  std::vector<StreamRequest> batch;
  for (std::uint64_t id = 0; id < kSteps; ++id) {
    batch.push_back(streamed_step(id, session, {1}));
  }
  const auto stream = open_stream();
  stream->send(batch);
  for (const auto& [id, reply] : stream->next(kSteps)) {
    EXPECT_EQ(outcome_of(reply), "OK");
  }
  EXPECT_EQ(actions_, kSteps);
}

TEST_F(StreamFlowTest, TakesOnNoMoreBytesThanTheLimitButOneRequestOfAnySize) {
  ServerOptions options = default_options();
  options.streams.max_bytes_in_flight = 10'000;
  serve(options);
  const Session::Id session = started_session();
  wait_for_in_flight(0);
  const auto stream = open_stream();
  const auto sized_step = [&](std::uint64_t id, std::int64_t action, std::size_t bytes) {
    StreamRequest request = streamed_step(id, session, {action});
    request.mutable_step()->add_action()->set_string_value(std::string(bytes, 'x'));
    return request;
  };
  stream->send({sized_step(1, kHold, 20'000), sized_step(2, 2, 10)});
  wait_until_held();
  let_the_server_go_on();
  EXPECT_EQ(server->requests_in_flight(), 1U) << "the second one waits for the first one's bytes";
  release_.open();
  stream->next(2);

  stream->send({sized_step(3, 3, 6'000), sized_step(4, 4, 6'000), sized_step(5, 5, 6'000)});
  for (const auto& [id, reply] : stream->next(3)) {
    EXPECT_EQ(outcome_of(reply), "OK");
  }
}

TEST_F(StreamFlowTest, AClientThatDoesNotReadItsRepliesIsNotReadFromAnyMore) {
  constexpr int kSteps = 40;
  script.on_observation = [](const ObservationSpace&, Event& observation) {
    observation.set_string_value(std::string(std::size_t{1} << 20, 'x'));
    return grpc::Status::OK;
  };
  ServerOptions options = default_options();
  options.streams.max_requests_in_flight = 4;
  serve(options);
  const Session::Id session = started_session();
  wait_for_in_flight(0);
  // A window smaller than one reply, so that gRPC takes none from the server before it is read.
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65'535);
  arguments.SetMaxReceiveMessageSize(-1);
  RawStream stream(grpc::CreateCustomChannel(server->addresses().front(),
                                             grpc::InsecureChannelCredentials(), arguments));
  for (std::uint64_t id = 0; id < kSteps; ++id) {
    stream.send({streamed_step(id, session, {1}, {0})});
  }
  poll_until([&] { return actions_ == 4; });
  let_the_server_go_on();
  EXPECT_EQ(actions_, 4) << "four replies are made, and no more asked for";
  EXPECT_EQ(server->requests_in_flight(), 3U) << "one reply is gRPC's, the others wait for it";
  EXPECT_GT(server->unread_bytes(), std::size_t{1} << 20);

  for (const auto& [id, reply] : stream.next(kSteps)) {
    EXPECT_EQ(outcome_of(reply), "OK");
  }
  EXPECT_EQ(actions_, kSteps);
}

TEST_F(StreamFlowTest, AStreamThatIsNotReadGivesWayToOtherClients) {
  script.on_observation = [](const ObservationSpace&, Event& observation) {
    observation.set_string_value(std::string(std::size_t{1} << 20, 'x'));
    return grpc::Status::OK;
  };
  ServerOptions options = default_options();
  options.max_unread_bytes = (std::size_t{3} << 20) / 2;  // one reply and a half
  serve(options);
  const Session::Id session = started_session();
  grpc::ChannelArguments arguments;
  arguments.SetInt(GRPC_ARG_HTTP2_BDP_PROBE, 0);
  arguments.SetInt(GRPC_ARG_HTTP2_STREAM_LOOKAHEAD_BYTES, 65'535);
  RawStream stream(grpc::CreateCustomChannel(server->addresses().front(),
                                             grpc::InsecureChannelCredentials(), arguments));
  stream.send({streamed_step(1, session, {1}, {0})});
  poll_until([&] { return server->unread_bytes() > 0; });

  EXPECT_TRUE(get_within_watchdog(step(session, {2}, {0})));

  EXPECT_EQ(stream.end().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_EQ(server->unread_replies_given_up(), 1U);
}

TEST_F(StreamFlowTest, ACancelledStreamLetsGoOfRepliesThatNobodyReads) {
  script.on_observation = [](const ObservationSpace&, Event& observation) {
    observation.set_string_value(std::string(std::size_t{4} << 20, 'x'));
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started_session();
  const auto stream = open_stream();
  for (std::uint64_t id = 0; id < 8; ++id) {
    stream->send({streamed_step(id, session, {1}, {0})});
  }
  poll_until([&] { return server->unread_bytes() > 0; });
  stream->cancel();
  wait_for_in_flight(0);
}

TEST_F(StreamFlowTest, TheLimitsOfTheServiceApplyToEachRequest) {
  ServerOptions options = default_options();
  options.max_requests_in_flight = 2;
  serve(options);
  const Session::Id first = started_session();
  wait_for_in_flight(0);
  const Session::Id second = started_session();
  wait_for_in_flight(0);
  const auto stream = open_stream();
  stream->send({streamed_step(1, first, {kHold}), streamed_step(2, second, {kHold})});
  wait_until_held(2);
  stream->send({streamed_step(3, first, {3}), streamed_version(4), streamed_end(5, 99)});
  auto replies = stream->next(3);
  EXPECT_EQ(outcome_of(replies.at(3)),
            "RESOURCE_EXHAUSTED: 2 requests are in flight already, the limit is 2");
  EXPECT_EQ(outcome_of(replies.at(4)), "OK");
  EXPECT_EQ(outcome_of(replies.at(5)), "OK");
  release_.open();
  stream->next(2);
  wait_for_in_flight(0);
}

TEST_F(StreamFlowTest, ManyStreamsOfManySessionsAtATime) {
  constexpr int kStreams = 8;
  constexpr int kSessions = 16;
  constexpr int kRounds = 20;
  serve();
  std::vector<std::vector<Session::Id>> sessions(kStreams);
  for (auto& of_stream : sessions) {
    for (int i = 0; i < kSessions; ++i) {
      of_stream.push_back(started_session());
    }
  }
  std::vector<std::jthread> clients;
  for (const auto& of_stream : sessions) {
    clients.emplace_back([this, &of_stream] {
      const auto stream = open_stream();
      for (std::int64_t round = 0; round < kRounds; ++round) {
        std::vector<StreamRequest> batch;
        for (std::size_t i = 0; i < of_stream.size(); ++i) {
          batch.push_back(streamed_step(i, of_stream[i], {round}, {0}));
        }
        stream->send(batch);
        for (const auto& [id, reply] : stream->next(of_stream.size())) {
          EXPECT_EQ(outcome_of(reply), "OK");
          EXPECT_EQ(history(reply).size(), static_cast<std::size_t>(round + 1));
        }
      }
      stream->close();
      EXPECT_TRUE(stream->end().ok());
    });
  }
  clients.clear();
  EXPECT_EQ(actions_, kStreams * kSessions * kRounds);
}

}  // namespace
}  // namespace compiler_gym::testing
