// Requests on a stream: each is answered as the unary call of its name would be.
#include <gmock/gmock.h>
#include <grpcpp/generic/generic_stub.h>

#include <boost/filesystem/operations.hpp>
#include <fstream>

#include "async_server/version.h"
#include "client/stream_client.h"
#include "tests/async_server/stream_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::SizeIs;

class StreamTest : public StreamFixture {};

TEST_F(StreamTest, AnswersEveryKindOfRequest) {
  serve();
  StreamClient stream(loop_.pump(), make_channel(server->addresses().front()));
  constexpr auto kFuture = boost::asio::use_future;
  EXPECT_EQ(get_within_watchdog(stream.get_version(kFuture))->service_version(), service_version());
  EXPECT_EQ(get_within_watchdog(stream.get_spaces(kFuture))->observation_space_list_size(), 2);
  AddBenchmarkRequest add;
  *add.add_benchmark() = make_benchmark("benchmark://test/added");
  EXPECT_TRUE(get_within_watchdog(stream.add_benchmark(std::move(add), kFuture)));
  StartSessionRequest start;
  start.mutable_benchmark()->set_uri("benchmark://test/added");
  const auto started = get_within_watchdog(stream.start_session(std::move(start), kFuture));
  ASSERT_TRUE(started) << to_string(started.error());
  const Session::Id session = started->session_id();
  const auto stepped =
      get_within_watchdog(stream.step(step_request(session, {1, 2}, {0, 1}), kFuture));
  ASSERT_TRUE(stepped) << to_string(stepped.error());
  EXPECT_EQ(stepped->observation(0).int64_tensor().value_size(), 2);
  EXPECT_EQ(stepped->observation(1).string_value(), "benchmark://test/added");
  ForkSessionRequest fork;
  fork.set_session_id(session);
  const auto forked = get_within_watchdog(stream.fork_session(fork, kFuture));
  ASSERT_TRUE(forked) << to_string(forked.error());
  EXPECT_EQ(forked->session_id(), session + 1);
  SendSessionParameterRequest parameter;
  parameter.set_session_id(session);
  parameter.add_parameter()->set_key("service.benchmark_cache.get_max_size_in_bytes");
  const auto answered = get_within_watchdog(stream.send_session_parameter(parameter, kFuture));
  ASSERT_TRUE(answered) << to_string(answered.error());
  EXPECT_THAT(answered->reply(), ElementsAre("268435456"));
  EndSessionRequest end;
  end.set_session_id(session);
  EXPECT_EQ(get_within_watchdog(stream.end_session(end, kFuture))->remaining_sessions(), 1);
  EXPECT_TRUE(get_within_watchdog(stream.async_close(kFuture)).ok());
}

TEST_F(StreamTest, StepsOfOneSessionRunInTheOrderOfTheStream) {
  constexpr int kSteps = 50;
  serve();
  const Session::Id session = started_session();
  const auto stream = open_stream();
  std::vector<StreamRequest> batch;
  for (int i = 0; i < kSteps; ++i) {
    batch.push_back(streamed_step(static_cast<std::uint64_t>(i), session, {i}, {0}));
    if (i % 7 == 0) {
      stream->send(std::exchange(batch, {}));
    }
  }
  stream->send(batch);

  auto replies = stream->next(kSteps);
  const std::vector<std::int64_t> applied = history(replies.at(kSteps - 1));
  ASSERT_THAT(applied, SizeIs(kSteps));
  for (int i = 0; i < kSteps; ++i) {
    EXPECT_EQ(applied[static_cast<std::size_t>(i)], i);
    EXPECT_THAT(history(replies.at(static_cast<std::uint64_t>(i))), SizeIs(i + 1));
  }
}

TEST_F(StreamTest, RepliesComeAsRequestsFinish) {
  serve();
  const Session::Id slow = started_session();
  const Session::Id fast = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(1, slow, {kHold}), streamed_step(2, slow, {1}),
                streamed_step(3, fast, {1}), streamed_version(4)});
  const auto first = stream->next(2);
  EXPECT_TRUE(first.contains(3));
  EXPECT_TRUE(first.contains(4));
  release_.open();
  // In whichever order: the session is free for the second before the first one's reply is made.
  const auto rest = stream->next(2);
  EXPECT_TRUE(rest.contains(1));
  EXPECT_TRUE(rest.contains(2));
}

// In one message, an EndSession takes effect after the steps before it and before those after it.
TEST_F(StreamTest, EndSessionWaitsForItsTurn) {
  ServerOptions options = default_options();
  options.sessions.max_queued_steps = 2;
  serve(options);
  const Session::Id session = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(1, session, {kHold})});
  wait_until_held();
  // The queue is full with two; the end is admitted all the same.
  stream->send({streamed_step(2, session, {2}), streamed_step(3, session, {3}),
                streamed_end(4, session), streamed_step(5, session, {5})});
  EXPECT_EQ(outcome_of(stream->next()),
            "RESOURCE_EXHAUSTED: Session 0: 2 requests are waiting already, the limit is 2");
  EXPECT_EQ(server->session_count(), 1U);

  release_.open();

  auto replies = stream->next(4);
  for (const std::uint64_t id : {1, 2, 3, 4}) {
    EXPECT_EQ(outcome_of(replies.at(id)), "OK") << id;
  }
  EXPECT_EQ(replies.at(4).end_session().remaining_sessions(), 0);
  EXPECT_EQ(actions_, 3);
  EXPECT_EQ(script.live_sessions, 0) << "the plug-in's object is gone when the answer comes";
}

TEST_F(StreamTest, AStepAfterAnEndSessionFindsNoSession) {
  serve();
  const Session::Id session = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(1, session, {kHold}), streamed_end(2, session),
                streamed_step(3, session, {3}), streamed_end(4, session)});
  wait_until_held();
  release_.open();
  auto replies = stream->next(4);
  EXPECT_EQ(outcome_of(replies.at(1)), "OK");
  EXPECT_EQ(outcome_of(replies.at(2)), "OK");
  EXPECT_EQ(outcome_of(replies.at(3)), "NOT_FOUND: Session not found: 0");
  EXPECT_EQ(outcome_of(replies.at(4)), "OK") << "ending a session that is not there is";
  EXPECT_EQ(actions_, 1);
}

TEST_F(StreamTest, AUnaryEndSessionDoesNotFailTheOneThatWaits) {
  serve();
  const Session::Id session = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(1, session, {kHold}), streamed_end(2, session)});
  wait_until_held();
  EXPECT_TRUE(get_within_watchdog(end_session(session)));
  auto replies = stream->next(2);
  EXPECT_EQ(stopped_, 1);
  EXPECT_EQ(outcome_of(replies.at(2)), "OK");
  EXPECT_EQ(replies.at(2).end_session().remaining_sessions(), 0);
}

// ----------------------------------------------------------------------------------------- errors

TEST_F(StreamTest, AFailedRequestHasTheStatusOfTheUnaryCallAndCostsNoOther) {
  serve();
  const Session::Id session = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(1, 1234, {1}), streamed_step(2, session, {1}, {9}),
                streamed_step(3, session, {2}, {0})});
  auto replies = stream->next(3);
  EXPECT_EQ(outcome_of(replies.at(1)), "NOT_FOUND: Session not found: 1234");
  EXPECT_EQ(outcome_of(replies.at(2)), "INVALID_ARGUMENT: Observation space index out of range: 9");
  EXPECT_THAT(history(replies.at(3)), ElementsAre(1, 2));
}

TEST_F(StreamTest, DetailsOfAStatusComeWithIt) {
  StreamError rich;
  rich.set_code(grpc::StatusCode::DATA_LOSS);
  rich.set_message("for the unary call");
  GetVersionReply detail;
  detail.set_compiler_version("a detail");
  rich.add_details()->PackFrom(detail);
  script.on_action = [&](std::int64_t, auto&, const auto&) {
    return grpc::Status(grpc::StatusCode::DATA_LOSS, "the module is broken",
                        rich.SerializeAsString());
  };
  serve();
  const Session::Id session = started_session();
  const auto unary = get_within_watchdog(step(session, {1}));
  ASSERT_FALSE(unary);
  EXPECT_EQ(unary.error().error_details(), rich.SerializeAsString());

  const auto stream = open_stream();
  stream->send({streamed_step(1, session, {1})});
  const StreamReply reply = stream->next();
  EXPECT_EQ(outcome_of(reply), "DATA_LOSS: the module is broken");
  ASSERT_EQ(reply.error().details_size(), 1);
  GetVersionReply received;
  ASSERT_TRUE(reply.error().details(0).UnpackTo(&received));
  EXPECT_EQ(received.compiler_version(), "a detail");
}

TEST_F(StreamTest, AnErrorThatIsNoUtf8DoesNotSpoilTheBatch) {
  script.on_action = [](std::int64_t, auto&, const auto&) {
    return data_loss("what the compiler said: \xff\xfe.");
  };
  serve();
  const auto stream = open_stream();
  stream->send({streamed_step(1, started_session(), {1})});
  EXPECT_EQ(outcome_of(stream->next()), "DATA_LOSS: what the compiler said: ??.");
}

TEST_F(StreamTest, AnIdThatIsUnderWayIsRefusedAndTheFirstNotTouched) {
  serve();
  const Session::Id session = started_session();
  const auto stream = open_stream();
  stream->send({streamed_step(7, session, {kHold}, {0})});
  wait_until_held();
  stream->send({streamed_step(7, session, {2})});
  EXPECT_EQ(outcome_of(stream->next()), "ALREADY_EXISTS: The request of id 7 is not answered yet");
  release_.open();
  EXPECT_THAT(history(stream->next()), ElementsAre(kHold));
  // Answered, and so free again.
  stream->send({streamed_step(7, session, {3}, {0})});
  EXPECT_THAT(history(stream->next()), ElementsAre(kHold, 3));
}

TEST_F(StreamTest, ARequestWithoutARequestIsRefused) {
  serve();
  const auto stream = open_stream();
  StreamRequest unset;
  unset.set_id(3);
  stream->send({unset, streamed_version(4)});
  auto replies = stream->next(2);
  EXPECT_EQ(outcome_of(replies.at(3)), "INVALID_ARGUMENT: The request of id 3 has no request set");
  EXPECT_EQ(outcome_of(replies.at(4)), "OK");
}

TEST_F(StreamTest, ARequestThatCannotBeParsedIsRefusedAlone) {
  serve();
  const Session::Id session = started_session();
  const auto stream = open_stream();
  StreamRequest broken = streamed_step(1, session, {});
  broken.mutable_step()->add_action()->set_string_value("no UTF-8: \xff");
  stream->send({broken, streamed_step(2, session, {2})});
  auto replies = stream->next(2);
  EXPECT_EQ(outcome_of(replies.at(1)),
            "INVALID_ARGUMENT: The request cannot be parsed as compiler_gym.StepRequest");
  EXPECT_EQ(outcome_of(replies.at(2)), "OK");
}

TEST_F(StreamTest, EachRequestOfATooLargeBatchIsRefusedAndTheStreamLivesOn) {
  ServerOptions options = default_options();
  options.streams.max_batch = 5;
  options.streams.max_requests_in_flight = 2;  // smaller than what is to be answered
  serve(options);
  const auto stream = open_stream();
  std::vector<StreamRequest> batch;
  for (std::uint64_t id = 0; id < 6; ++id) {
    batch.push_back(streamed_version(id));
  }
  stream->send(batch);
  for (const auto& [id, reply] : stream->next(6)) {
    EXPECT_EQ(outcome_of(reply), "INVALID_ARGUMENT: The batch has 6 requests, the limit is 5");
  }
  batch.pop_back();
  stream->send(batch);
  for (const auto& [id, reply] : stream->next(5)) {
    EXPECT_EQ(outcome_of(reply), "OK");
  }
}

TEST_F(StreamTest, WhatIsNoBatchEndsTheStream) {
  serve();
  grpc::GenericStub stub(make_channel(server->addresses().front()));
  grpc::ClientContext rpc_context;
  rpc_context.set_deadline(std::chrono::system_clock::now() + kWatchdog);
  grpc::CompletionQueue queue;
  const auto wait = [&queue] {
    void* tag = nullptr;
    bool ok = false;
    EXPECT_TRUE(queue.Next(&tag, &ok));
    return ok;
  };
  auto call = stub.PrepareCall(&rpc_context, "/compiler_gym.CompilerGymStream/Exchange", &queue);
  call->StartCall(nullptr);
  ASSERT_TRUE(wait());
  const grpc::Slice slice("\x0a\x7fnot so long");
  call->Write(grpc::ByteBuffer(&slice, 1), nullptr);
  ASSERT_TRUE(wait());
  grpc::Status status;
  call->Finish(&status, nullptr);
  ASSERT_TRUE(wait());
  EXPECT_EQ(to_string(status), "INVALID_ARGUMENT: The message cannot be parsed as RequestBatch");
  queue.Shutdown();
}

TEST_F(StreamTest, AMessageOverTheLimitEndsTheStream) {
  ServerOptions options = default_options();
  options.max_message_size = 10'000;
  serve(options);
  const auto stream = open_stream();
  StreamRequest large = streamed_step(1, 0, {1});
  large.mutable_step()->mutable_action(0)->set_string_value(std::string(20'000, 'x'));
  stream->send({large});
  EXPECT_EQ(stream->end().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
}

TEST_F(StreamTest, TakesALargeMessageThatAWorkerPutsTogether) {
  serve();
  const auto stream = open_stream();
  StreamRequest add;
  add.set_id(1);
  *add.mutable_add_benchmark()->add_benchmark() =
      make_benchmark("benchmark://test/large", std::size_t{8} << 20);
  stream->send({add, streamed_version(2)});
  auto replies = stream->next(2);
  EXPECT_EQ(outcome_of(replies.at(1)), "OK");
  EXPECT_EQ(outcome_of(replies.at(2)), "OK");
}

// ----------------------------------------------------------------------------------------- access

TEST_F(StreamTest, IsOpenToThoseWhoSendTheToken) {
  const auto path = boost::filesystem::temp_directory_path() / boost::filesystem::unique_path();
  std::ofstream(path.string()) << "open sesame";
  ServerOptions options = default_options();
  options.access.token_file = path;
  serve(options);
  const auto refused = open_stream();
  refused->send({streamed_version(1)});
  EXPECT_EQ(to_string(refused->end()),
            "UNAUTHENTICATED: The call carries no 'authorization: Bearer <token>'");
  const auto admitted = open_stream("Bearer open sesame");
  admitted->send({streamed_version(1)});
  EXPECT_EQ(outcome_of(admitted->next()), "OK");
  boost::filesystem::remove(path);
}

TEST_F(StreamTest, RefusesMoreStreamsThanTheLimit) {
  ServerOptions options = default_options();
  options.streams.max_streams = 1;
  serve(options);
  const auto first = open_stream();
  first->send({streamed_version(1)});
  EXPECT_EQ(outcome_of(first->next()), "OK");
  EXPECT_EQ(to_string(open_stream()->end()),
            "RESOURCE_EXHAUSTED: 1 streams are open already, the limit is 1");
  first->close();
  EXPECT_TRUE(first->end().ok());
  // The place is free a moment after the client has heard of the end.
  poll_until([&] {
    const auto next = open_stream();
    next->close();
    return next->end().ok();
  });
}

}  // namespace
}  // namespace compiler_gym::testing
