// The client library's stream.
#include "client/stream_client.h"

#include <gmock/gmock.h>

#include "tests/async_server/stream_fixture.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;

class StreamClientTest : public StreamFixture {
 protected:
  ~StreamClientTest() override {
    if (stream_) {
      static_cast<void>(get_within_watchdog(stream_->async_close(boost::asio::use_future)));
    }
  }

  void connect() {
    serve();
    stream_ =
        std::make_unique<StreamClient>(loop_.pump(), make_channel(server->addresses().front()));
  }
  Future<StepReply> streamed(Session::Id session, std::vector<std::int64_t> actions) {
    return stream_->step(step_request(session, std::move(actions), {0}), boost::asio::use_future);
  }

  std::unique_ptr<StreamClient> stream_;
};

TEST_F(StreamClientTest, GivesEachCallItsReply) {
  connect();
  std::vector<Session::Id> sessions;
  for (int i = 0; i < 10; ++i) {
    sessions.push_back(started_session());
  }
  std::vector<Future<StepReply>> replies;
  for (int i = 0; i < 200; ++i) {
    replies.push_back(streamed(sessions[static_cast<std::size_t>(i % 10)], {i}));
  }
  for (int i = 0; i < 200; ++i) {
    const auto reply = get_within_watchdog(std::move(replies[static_cast<std::size_t>(i)]));
    ASSERT_TRUE(reply) << to_string(reply.error());
    const auto& history = reply->observation(0).int64_tensor().value();
    EXPECT_EQ(history.size(), i / 10 + 1);
    EXPECT_EQ(history.at(history.size() - 1), i);
  }
}

TEST_F(StreamClientTest, GivesAFailedCallItsStatus) {
  connect();
  EXPECT_EQ(to_string(get_within_watchdog(streamed(99, {1})).error()),
            "NOT_FOUND: Session not found: 99");
}

TEST_F(StreamClientTest, ClosingWaitsForTheAnswers) {
  connect();
  auto running = streamed(started_session(), {kHold});
  wait_until_held();
  auto closed = stream_->async_close(boost::asio::use_future);
  EXPECT_EQ(to_string(get_within_watchdog(streamed(0, {1})).error()),
            "UNAVAILABLE: The stream has ended");
  let_the_server_go_on();
  EXPECT_NE(closed.wait_for(0s), std::future_status::ready);
  release_.open();
  EXPECT_TRUE(get_within_watchdog(std::move(closed)).ok());
  EXPECT_TRUE(get_within_watchdog(std::move(running)));
}

TEST_F(StreamClientTest, CallsOnAStreamThatTheServerHasEndedFail) {
  connect();
  EXPECT_TRUE(get_within_watchdog(streamed(started_session(), {1})));
  EXPECT_TRUE(drain_and_join().ok());
  EXPECT_EQ(get_within_watchdog(streamed(0, {1})).error().error_code(),
            grpc::StatusCode::UNAVAILABLE);
}

TEST_F(StreamClientTest, DestroyingItCancelsWhatIsUnderWay) {
  connect();
  auto running = streamed(started_session(), {kHold});
  wait_until_held();
  stream_.reset();
  EXPECT_EQ(get_within_watchdog(std::move(running)).error().error_code(),
            grpc::StatusCode::CANCELLED);
  wait_for_in_flight(0);
  EXPECT_EQ(stopped_, 1);
}

}  // namespace
}  // namespace compiler_gym::testing
