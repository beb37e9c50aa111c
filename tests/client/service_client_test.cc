#include "client/service_client.h"

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <string>
#include <thread>
#include <vector>

#include "client/client_loop.h"
#include "tests/support/in_process_server.h"
#include "tests/support/poll.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using testing::CountingService;
using testing::get_within_watchdog;
using testing::InProcessServer;
using testing::kWatchdog;

constexpr CallOptions kWithinWatchdog{.timeout = kWatchdog};

StartSessionRequest start_request(std::string contents = "program") {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri("benchmark://test/one");
  request.mutable_benchmark()->mutable_program()->set_contents(std::move(contents));
  return request;
}

StepRequest step_request(std::int64_t session_id, std::vector<std::int64_t> actions) {
  StepRequest request;
  request.set_session_id(session_id);
  for (const std::int64_t action : actions) {
    request.add_action()->set_int64_value(action);
  }
  request.add_observation_space(0);
  return request;
}

EndSessionRequest end_request(std::int64_t session_id) {
  EndSessionRequest request;
  request.set_session_id(session_id);
  return request;
}

ForkSessionRequest fork_request(std::int64_t session_id) {
  ForkSessionRequest request;
  request.set_session_id(session_id);
  return request;
}

class ServiceClientTest : public ::testing::Test {
 protected:
  InProcessServer server_;
  ClientLoop loop_;
  ServiceClient client_{loop_.pump(), server_.tcp_target()};
};

// One coroutine through a whole life, so that each function is known to reach its RPC.
asio::awaitable<void> live(ServiceClient client) {
  const auto version = co_await client.get_version(kWithinWatchdog);
  EXPECT_TRUE(version) << to_string(version.error());
  EXPECT_EQ(version->service_version(), "1.2.3");

  const auto spaces = co_await client.get_spaces(kWithinWatchdog);
  EXPECT_TRUE(spaces) << to_string(spaces.error());
  EXPECT_EQ(spaces->observation_space_list_size(), 3);

  AddBenchmarkRequest benchmarks;
  *benchmarks.add_benchmark() = start_request().benchmark();
  EXPECT_TRUE(co_await client.add_benchmark(std::move(benchmarks), kWithinWatchdog));

  const auto started = co_await client.start_session(start_request(), kWithinWatchdog);
  EXPECT_TRUE(started) << to_string(started.error());
  // A list in braces inside a co_await expression is more than GCC 12 can compile.
  const std::vector<std::int64_t> two_actions{0, 1};
  const auto stepped =
      co_await client.step(step_request(started->session_id(), two_actions), kWithinWatchdog);
  EXPECT_TRUE(stepped) << to_string(stepped.error());
  EXPECT_EQ(stepped->observation(0).int64_value(), 2);

  const auto forked =
      co_await client.fork_session(fork_request(started->session_id()), kWithinWatchdog);
  EXPECT_TRUE(forked) << to_string(forked.error());
  EXPECT_NE(forked->session_id(), started->session_id());

  SendSessionParameterRequest parameters;
  parameters.set_session_id(forked->session_id());
  parameters.add_parameter()->set_value("echoed");
  const auto replies =
      co_await client.send_session_parameter(std::move(parameters), kWithinWatchdog);
  EXPECT_TRUE(replies) << to_string(replies.error());
  EXPECT_EQ(replies->reply(0), "echoed");

  EXPECT_TRUE(co_await client.end_session(end_request(started->session_id()), kWithinWatchdog));
  const auto ended =
      co_await client.end_session(end_request(forked->session_id()), kWithinWatchdog);
  EXPECT_TRUE(ended) << to_string(ended.error());
  EXPECT_EQ(ended->remaining_sessions(), 0);
}

TEST_F(ServiceClientTest, ReachesEveryRpcOverTcp) {
  loop_.run(live(client_));
  for (const char* method : {"GetVersion", "GetSpaces", "AddBenchmark", "StartSession", "Step",
                             "ForkSession", "SendSessionParameter"}) {
    EXPECT_EQ(server_.service().calls(method), 1) << method;
  }
  EXPECT_EQ(server_.service().calls("EndSession"), 2);
}

TEST_F(ServiceClientTest, ReachesEveryRpcOverAUnixSocket) {
  loop_.run(live(ServiceClient(loop_.pump(), server_.unix_target())));
}

TEST_F(ServiceClientTest, ReachesEveryRpcOverAnInProcessChannel) {
  loop_.run(live(ServiceClient(loop_.pump(), server_.server().InProcessChannel({}))));
}

TEST_F(ServiceClientTest, HandsOutTheServersStatusUnchanged) {
  const auto reply = loop_.run(client_.step(step_request(17, {}), kWithinWatchdog));
  ASSERT_FALSE(reply);
  EXPECT_EQ(to_string(reply.error()), "NOT_FOUND: Session not found: 17");
}

TEST_F(ServiceClientTest, ReportsAServerThatIsNotThereAsUnavailable) {
  ServiceClient nobody(loop_.pump(), server_.unix_target() + ".nobody");
  const auto reply = loop_.run(nobody.get_version(kWithinWatchdog));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(ServiceClientTest, SendsMessagesFarOverGrpcsDefaultLimit) {
  const std::string eight_megabytes(std::size_t{8} << 20, 'x');
  const auto reply =
      loop_.run(client_.start_session(start_request(eight_megabytes), kWithinWatchdog));
  EXPECT_TRUE(reply) << to_string(reply.error());
}

TEST_F(ServiceClientTest, GivesUpAtTheDeadline) {
  const auto reply =
      loop_.run(client_.step(step_request(0, {CountingService::kHang}), {.timeout = 20ms}));
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
}

TEST_F(ServiceClientTest, CancelsACallByItsSlot) {
  // arrange: a step that answers only once its client has left
  auto strand = asio::make_strand(loop_.io_context());
  asio::cancellation_signal cancel;
  std::promise<Result<StepReply>> completed;
  client_.step(step_request(0, {CountingService::kHang}), kWithinWatchdog,
               asio::bind_cancellation_slot(
                   cancel.slot(), asio::bind_executor(strand, [&](Result<StepReply> reply) {
                     completed.set_value(std::move(reply));
                   })));
  testing::poll_until([&] { return server_.service().calls("Step") == 1; });

  // act
  asio::post(strand, [&] { cancel.emit(asio::cancellation_type::terminal); });

  // observe
  const auto reply = get_within_watchdog(completed.get_future());
  ASSERT_FALSE(reply);
  EXPECT_EQ(reply.error().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(ServiceClientTest, RunsTheHandlerOnItsOwnExecutor) {
  asio::io_context mine;
  std::thread::id ran_on;
  client_.get_version(kWithinWatchdog,
                      asio::bind_executor(mine, [&](const Result<GetVersionReply>& version) {
                        EXPECT_TRUE(version);
                        ran_on = std::this_thread::get_id();
                      }));
  mine.run();  // kept going by the call until its handler has run
  EXPECT_EQ(ran_on, std::this_thread::get_id());
}

TEST_F(ServiceClientTest, CanBeDestroyedOnceACallHasBegun) {
  auto brief = std::make_unique<ServiceClient>(loop_.pump(), server_.tcp_target());
  std::future<Result<GetVersionReply>> version =
      brief->get_version(kWithinWatchdog, asio::use_future);
  brief.reset();
  EXPECT_TRUE(get_within_watchdog(std::move(version)));
}

TEST_F(ServiceClientTest, EachClientHasAConnectionOfItsOwn) {
  ServiceClient second(loop_.pump(), server_.tcp_target());
  ASSERT_TRUE(loop_.run(client_.get_version(kWithinWatchdog)));
  ASSERT_TRUE(loop_.run(second.get_version(kWithinWatchdog)));
  ASSERT_TRUE(loop_.run(second.get_version(kWithinWatchdog)));
  EXPECT_EQ(server_.service().peers().size(), 2);
}

}  // namespace
}  // namespace compiler_gym
