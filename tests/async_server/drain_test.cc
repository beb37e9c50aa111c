// What a drain does to requests that are running, waiting and arriving.
#include <gmock/gmock.h>

#include <array>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/read.hpp>
#include <boost/asio/write.hpp>
#include <semaphore>

#include "async_server/internal/drain_controller.h"
#include "tests/async_server/server_fixture.h"
#include "tests/support/fake_clock.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;

TEST(DrainControllerTest, ALaterRequestBringsTheDeadlineNearerButNeverPutsItOff) {
  internal::DrainController drain;
  const Clock::time_point start{};
  EXPECT_FALSE(drain.draining());

  EXPECT_TRUE(drain.request(start, 20s));
  EXPECT_EQ(drain.deadline(), start + 20s);
  EXPECT_FALSE(drain.request(start + 1s, 30s));
  EXPECT_EQ(drain.deadline(), start + 20s);
  EXPECT_TRUE(drain.request(start + 2s, 0s));
  EXPECT_EQ(drain.deadline(), start + 2s);
}

TEST(DrainControllerTest, IsOverdueFromTheDeadlineOn) {
  internal::DrainController drain;
  const Clock::time_point start{};
  EXPECT_FALSE(drain.overdue(start));
  drain.request(start, 5s);
  EXPECT_FALSE(drain.overdue(start + 5s - 1ns));
  EXPECT_TRUE(drain.overdue(start + 5s));
}

TEST(DrainControllerTest, ANegativeGraceIsNone) {
  internal::DrainController drain;
  drain.request(Clock::time_point{}, -5s);
  EXPECT_EQ(drain.deadline(), Clock::time_point{});
}

// What a step waits for. Its own base class, so that it outlives the server: also of a test that
// fails with a step waiting.
class HasLatches {
 protected:
  Latch in_step_;
  Latch release_;
};

class DrainTest : protected HasLatches, public ServerFixture {
 protected:
  ~DrainTest() override { release_.open(); }

  /// An action, or an init, that waits for release_.
  grpc::Status wait_for_release() {
    in_step_.open();
    release_.wait();
    return grpc::Status::OK;
  }

  bool listens() {
    boost::asio::ip::tcp::socket socket(io_context);
    boost::system::error_code error;
    socket.connect(
        {boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(server->port())},
        error);
    return !error;
  }

  // Before the server: its timers take their time from it.
  FakeClock clock_;
};

// Waits until its step is asked to stop, then says so.
grpc::Status wait_for_stop(const std::stop_token& stop) {
  std::binary_semaphore stopped{0};
  const std::stop_callback on_stop(stop, [&] { stopped.release(); });
  stopped.acquire();
  return cancelled("stopped as asked");
}

TEST_F(DrainTest, LetsARunningStepFinishAndRefusesNewRequests) {
  script.on_action = [&](std::int64_t, auto&, const auto&) { return wait_for_release(); };
  serve();
  const Session::Id session = started_session();
  auto running = step(session, {7}, {0});
  in_step_.wait();

  server->async_drain(1h, [](const grpc::Status&) {});
  // Before that, what comes of a new request is up to gRPC: see Server::async_drain().
  poll_until([&] { return !listens(); });
  // A client of its own: gRPC tells the first one's channel to go away.
  ServiceClient late(loop_.pump(), server->addresses().front());
  const auto refused =
      get_within_watchdog(late.get_version({.timeout = kWatchdog / 2}, boost::asio::use_future));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().error_code(), grpc::StatusCode::UNAVAILABLE);

  release_.open();
  const auto reply = get_within_watchdog(std::move(running));
  ASSERT_TRUE(reply) << to_string(reply.error());
  EXPECT_EQ(reply->observation(0).int64_tensor().value(0), 7);
  EXPECT_TRUE(join().ok());
  EXPECT_EQ(server->session_count(), 1U) << "sessions open at the end are told by the exit status";
}

TEST_F(DrainTest, GivesRunningStepsTheWholeGracePeriod) {
  std::atomic<bool> stopped{false};
  script.on_action = [&](std::int64_t, auto&, const std::stop_token& stop) {
    in_step_.open();
    const grpc::Status status = wait_for_stop(stop);
    stopped = true;
    return status;
  };
  serve();
  auto running = step(started_session(), {7});
  in_step_.wait();

  server->async_drain(5s, [](const grpc::Status&) {});
  poll_until([&] { return logger.count(LogLevel::kInfo, "drain: begins") == 1; });
  clock_.advance(5s - 1ns);
  // Something else has gone through the loop since: the deadline had its chance to fire.
  get_within_watchdog(boost::asio::post(io_context, boost::asio::use_future));
  EXPECT_FALSE(stopped);

  clock_.advance(1ns);
  EXPECT_TRUE(join().ok());
  EXPECT_TRUE(stopped);
  EXPECT_FALSE(get_within_watchdog(std::move(running)));
}

TEST_F(DrainTest, ASecondRequestShortensTheGracePeriod) {
  script.on_action = [&](std::int64_t, auto&, const std::stop_token& stop) {
    in_step_.open();
    return wait_for_stop(stop);
  };
  serve();
  auto running = step(started_session(), {7});
  in_step_.wait();
  auto first = server->async_drain(1h, boost::asio::use_future);

  auto second = server->async_drain(0s, boost::asio::use_future);

  EXPECT_TRUE(get_within_watchdog(std::move(first)).ok());
  EXPECT_TRUE(get_within_watchdog(std::move(second)).ok());
  EXPECT_TRUE(join().ok());
  EXPECT_FALSE(get_within_watchdog(std::move(running)));
}

// A peer that keeps its connection and answers nothing: gRPC alone would wait for its goodbye.
TEST_F(DrainTest, DoesNotWaitForConnectionsWithoutACall) {
  serve();
  started_session();
  boost::asio::ip::tcp::socket silent(io_context);
  silent.connect(
      {boost::asio::ip::address_v4::loopback(), static_cast<std::uint16_t>(server->port())});
  const std::string preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
  boost::asio::write(silent, boost::asio::buffer(preface));
  std::array<char, 1> settings{};
  boost::asio::read(silent, boost::asio::buffer(settings));  // gRPC has taken it

  // The clock stands still, so the grace period never ends.
  EXPECT_TRUE(drain_and_join(1h).ok());
}

TEST_F(DrainTest, DropsStepsThatWaitBehindARunningOne) {
  std::atomic<int> steps_run{0};
  script.on_action = [&](std::int64_t, auto&, const std::stop_token& stop) {
    ++steps_run;
    in_step_.open();
    return wait_for_stop(stop);
  };
  serve();
  const Session::Id session = started_session();
  auto running = step(session, {1});
  in_step_.wait();
  std::vector<Future<StepReply>> waiting;
  for (int i = 0; i < 20; ++i) {
    waiting.push_back(step(session, {2}));
  }
  wait_for_in_flight(21);

  EXPECT_TRUE(drain_and_join(0s).ok());

  EXPECT_FALSE(get_within_watchdog(std::move(running)));
  for (auto& dropped : waiting) {
    EXPECT_FALSE(get_within_watchdog(std::move(dropped)));
  }
  EXPECT_EQ(steps_run, 1);
}

TEST_F(DrainTest, WaitsForASessionThatIsStarting) {
  script.on_init = [&](const Benchmark&) { return wait_for_release(); };
  serve();
  auto starting = start_session();
  in_step_.wait();
  auto drained = server->async_drain(1h, boost::asio::use_future);
  poll_until([&] { return logger.count(LogLevel::kInfo, "drain: begins") == 1; });

  release_.open();

  EXPECT_TRUE(get_within_watchdog(std::move(starting)));
  EXPECT_TRUE(get_within_watchdog(std::move(drained)).ok());
  EXPECT_TRUE(join().ok());
  EXPECT_EQ(server->session_count(), 1U);
}

TEST_F(DrainTest, EndsIdleSessionsOnlyAfterTheirTimeToLive) {
  ServerOptions options = default_options();
  options.session_ttl = 60s;
  serve(options);
  started_session();
  started_session();

  clock_.advance(59s);
  get_within_watchdog(boost::asio::post(io_context, boost::asio::use_future));
  EXPECT_EQ(server->session_count(), 2U);

  clock_.advance(16s);  // the check comes four times in a time to live
  poll_until([&] { return server->session_count() == 0; });
  EXPECT_EQ(logger.count(LogLevel::kInfo, "ended 2 sessions"), 1);
}

}  // namespace
}  // namespace compiler_gym::testing
