// A server reached without a socket.
#include <gmock/gmock.h>

#include "tests/async_server/stream_fixture.h"

namespace compiler_gym::testing {
namespace {

class InProcessChannelTest : public StreamFixture {
 protected:
  void serve_without_socket() {
    ServerOptions options = default_options();
    options.listen.clear();
    launch(std::move(options));
    const grpc::Status started =
        get_within_watchdog(server->async_started(boost::asio::use_future));
    ASSERT_TRUE(started.ok()) << to_string(started);
    client.emplace(loop_.pump(), server->in_process_channel());
  }
};

TEST_F(InProcessChannelTest, AnswersWithoutAnyAddress) {
  serve_without_socket();
  EXPECT_TRUE(server->addresses().empty());
  EXPECT_EQ(server->port(), 0);
  const Session::Id session = started_session();
  EXPECT_TRUE(get_within_watchdog(step(session, {1}, {0})));
  EXPECT_TRUE(get_within_watchdog(end_session(session)));
}

TEST_F(InProcessChannelTest, CarriesStreams) {
  serve_without_socket();
  RawStream stream(server->in_process_channel());
  stream.send({streamed_step(1, started_session(), {5}, {0})});
  EXPECT_THAT(history(stream.next()), ::testing::ElementsAre(5));
  stream.close();
  EXPECT_TRUE(stream.end().ok());
}

TEST_F(InProcessChannelTest, IsThereOnlyWhileTheServerServes) {
  serve_without_socket();
  EXPECT_NE(server->in_process_channel(), nullptr);
  EXPECT_TRUE(drain_and_join().ok());
  EXPECT_EQ(server->in_process_channel(), nullptr);
}

TEST_F(InProcessChannelTest, ADrainCompletesWithACallUnderWay) {
  serve_without_socket();
  auto running = step(started_session(), {kHold}, {0});
  wait_until_held();
  server->async_drain(std::chrono::hours(1), [](const grpc::Status&) {});
  poll_until([&] { return logger.count(LogLevel::kInfo, "drain: begins") == 1; });
  release_.open();
  EXPECT_TRUE(join().ok());
  static_cast<void>(get_within_watchdog(std::move(running)));  // see Server::in_process_channel()
}

}  // namespace
}  // namespace compiler_gym::testing
