// Start, and what may go wrong in it: which order the parts come in, and that nothing is left
// however it ends.
#include <gmock/gmock.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <latch>

#include "tests/async_server/server_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

using LifecycleTest = ServerFixture;

TEST_F(LifecycleTest, InitialisesTheContextBeforeSessionsAndShutsItDownAfterThem) {
  script.on_session_destroyed = [this] { script.record("object destroyed"); };
  serve();
  started_session();

  EXPECT_TRUE(drain_and_join().ok());

  // The first object is the one that is asked for its spaces.
  EXPECT_THAT(script.events(), ElementsAre("context init", "object destroyed", "session init",
                                           "object destroyed", "context shutdown"));
}

TEST_F(LifecycleTest, DoesNotListenBeforeTheContextIsInitialised) {
  std::latch release{1};
  std::latch in_init{1};
  script.on_context_init = [&] {
    in_init.count_down();
    release.wait();
    return grpc::Status::OK;
  };

  launch();
  in_init.wait();
  EXPECT_TRUE(server->addresses().empty());

  release.count_down();
  EXPECT_TRUE(get_within_watchdog(server->async_started(boost::asio::use_future)).ok());
  EXPECT_THAT(server->addresses(), ElementsAre(HasSubstr("127.0.0.1:")));
}

TEST_F(LifecycleTest, AFailedInitKeepsItFromListeningAndIsFollowedByShutdown) {
  script.on_context_init = [] { return failed_precondition("no licence for the compiler"); };

  launch();

  const grpc::Status status = join();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_EQ(status.error_message(), "no licence for the compiler");
  EXPECT_TRUE(server->addresses().empty());
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
}

TEST_F(LifecycleTest, ThoseWhoWaitForTheStartHearWhyItFailed) {
  std::latch release{1};
  script.on_context_init = [&]() -> grpc::Status {
    release.wait();
    throw std::runtime_error("disk on fire");
  };

  launch();
  auto early = server->async_started(boost::asio::use_future);
  release.count_down();

  EXPECT_EQ(get_within_watchdog(std::move(early)).error_message(),
            "Unhandled exception: disk on fire");
  EXPECT_FALSE(join().ok());
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
}

TEST_F(LifecycleTest, AFailedShutdownIsTheOutcome) {
  script.on_context_shutdown = [] { return data_loss("state not saved"); };
  serve();

  const grpc::Status status = drain_and_join();

  EXPECT_EQ(to_string(status), "DATA_LOSS: state not saved");
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
}

TEST_F(LifecycleTest, ATakenPortIsNamedAndTheContextShutDown) {
  boost::asio::ip::tcp::acceptor taken(io_context, {boost::asio::ip::address_v4::loopback(), 0});
  const std::string address = "127.0.0.1:" + std::to_string(taken.local_endpoint().port());
  ServerOptions options = default_options();
  options.listen = {address};

  launch(options);

  const grpc::Status status = join();
  EXPECT_EQ(to_string(status),
            "UNAVAILABLE: cannot listen on " + address + ": Address already in use");
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
}

TEST_F(LifecycleTest, ADrainDuringStartEndsItWithoutListening) {
  std::latch release{1};
  std::latch in_init{1};
  script.on_context_init = [&] {
    in_init.count_down();
    release.wait();
    return grpc::Status::OK;
  };
  launch();
  auto started = server->async_started(boost::asio::use_future);
  in_init.wait();

  auto drained = server->async_drain(std::chrono::seconds(1), boost::asio::use_future);
  release.count_down();

  EXPECT_TRUE(get_within_watchdog(std::move(drained)).ok());
  EXPECT_TRUE(join().ok());
  EXPECT_EQ(get_within_watchdog(std::move(started)).error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(server->addresses().empty());
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
}

TEST_F(LifecycleTest, CancellingTheRunDrains) {
  boost::asio::cancellation_signal cancel;
  server.emplace(io_context,
                 ServicePlugin{.make_context =
                                   [this](const boost::filesystem::path& directory,
                                          const ServiceContextOptions& /*options*/) {
                                     return std::make_unique<ScriptedContext>(directory, script);
                                   },
                               .make_session =
                                   [this](CompilerGymServiceContext& context) {
                                     return std::make_unique<ScriptedSession>(context, script);
                                   }},
                 default_options(), logger);
  std::optional<grpc::Status> status;
  server->async_run(boost::asio::bind_cancellation_slot(
      cancel.slot(), [&](grpc::Status returned) { status = std::move(returned); }));
  server->async_started([&](const grpc::Status& started) {
    EXPECT_TRUE(started.ok());
    cancel.emit(boost::asio::cancellation_type::terminal);
  });

  std::jthread second_thread([this] { io_context.run(); });
  io_context.run();
  second_thread.join();

  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(status->ok());
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
}

TEST_F(LifecycleTest, ASecondRunIsRefused) {
  serve();

  const grpc::Status second = get_within_watchdog(server->async_run(boost::asio::use_future));

  EXPECT_EQ(second.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_TRUE(get_within_watchdog(client->get_version({}, boost::asio::use_future)));
}

TEST_F(LifecycleTest, AServerThatNeverRanCanBeDrainedAndDestroyed) {
  server.emplace(io_context,
                 ServicePlugin{.make_context =
                                   [this](const boost::filesystem::path& directory,
                                          const ServiceContextOptions& /*options*/) {
                                     return std::make_unique<ScriptedContext>(directory, script);
                                   },
                               .make_session = nullptr},
                 default_options(), logger);
  std::optional<grpc::Status> status;
  server->async_drain(std::chrono::seconds(1),
                      [&](grpc::Status returned) { status = std::move(returned); });
  io_context.run();

  ASSERT_TRUE(status.has_value());
  EXPECT_TRUE(status->ok());
  server.reset();
  EXPECT_TRUE(script.events().empty());
}

TEST_F(LifecycleTest, ListensOnSeveralAddresses) {
  const std::string socket = ::testing::TempDir() + "compiler_gym_lifecycle_test.sock";
  ServerOptions options = default_options();
  options.listen = {"unix:" + socket, "127.0.0.1:0"};
  serve(options);

  EXPECT_THAT(server->addresses(), ElementsAre("unix:" + socket, HasSubstr("127.0.0.1:")));
  EXPECT_GT(server->port(), 0);
  for (const std::string& address : server->addresses()) {
    ServiceClient one(loop_.pump(), address);
    const auto version = get_within_watchdog(one.get_version({}, boost::asio::use_future));
    ASSERT_TRUE(version) << address << ": " << to_string(version.error());
    EXPECT_EQ(version->compiler_version(), "scripted");
  }
}

}  // namespace
}  // namespace compiler_gym::testing
