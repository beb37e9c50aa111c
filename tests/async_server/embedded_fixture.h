// An embedded service with a scripted compiler, on an io_context of the test's.
#pragma once

#include <gtest/gtest.h>

#include <atomic>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "async_server/embedded_service.h"
#include "tests/support/fake_clock.h"
#include "tests/support/latch.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"
#include "tests/support/scripted_plugin.h"

namespace compiler_gym::testing {

/// The io_context is run by the test's thread alone, in poll(); the end of each test drains the
/// service, and checks that the io_context then runs dry.
class EmbeddedFixture : public ::testing::TestWithParam<PluginThreads> {
 protected:
  ~EmbeddedFixture() override {
    if (service) {
      EXPECT_TRUE(drain().ok());
      io_context.restart();
      io_context.run();
      service.reset();
    }
    EXPECT_EQ(script.live_sessions, 0);
    EXPECT_EQ(script.overlaps, 0);
  }

  void make(EmbeddedServiceOptions options = {}) {
    options.working_directory = ::testing::TempDir();
    options.plugin_threads = GetParam();
    options.workers = 4;
    ServicePlugin plugin{.make_context =
                             [this](const boost::filesystem::path& directory,
                                    const ServiceContextOptions& /*options*/) {
                               return std::make_unique<ScriptedContext>(directory, script);
                             },
                         .make_session =
                             [this](CompilerGymServiceContext& context) {
                               return std::make_unique<ScriptedSession>(context, script);
                             }};
    service.emplace(io_context, std::move(plugin), std::move(options), logger);
  }

  /// Runs the loop until the operation has completed.
  template <typename Start>
  auto wait_for(Start start) {
    auto future = start(boost::asio::use_future);
    poll_until(io_context, [&] {
      return future.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
    });
    return future.get();
  }

  void serve(EmbeddedServiceOptions options = {}) {
    make(std::move(options));
    const grpc::Status started = wait_for([&](auto token) { return service->async_start(token); });
    ASSERT_TRUE(started.ok()) << to_string(started);
  }
  grpc::Status drain(Clock::duration grace = std::chrono::seconds(60)) {
    return wait_for([&](auto token) { return service->async_drain(grace, token); });
  }

  Session::Id started_session() {
    StartSessionRequest request;
    *request.mutable_benchmark() = make_benchmark("benchmark://test/1");
    const auto reply =
        wait_for([&](auto token) { return service->async_start_session(request, token); });
    EXPECT_TRUE(reply) << to_string(reply.error());
    return reply ? reply->session_id() : -1;
  }

  static StepRequest step_request(Session::Id session, std::vector<std::int64_t> actions) {
    StepRequest request;
    request.set_session_id(session);
    for (const std::int64_t action : actions) {
      *request.add_action() = int64_event(action);
    }
    request.add_observation_space(0);
    return request;
  }
  Result<StepReply> step(Session::Id session, std::vector<std::int64_t> actions) {
    return wait_for(
        [&](auto token) { return service->async_step(step_request(session, actions), token); });
  }
  std::vector<std::int64_t> history(Session::Id session) {
    const auto reply = step(session, {});
    EXPECT_TRUE(reply) << to_string(reply.error());
    const auto& values = reply->observation(0).int64_tensor().value();
    return {values.begin(), values.end()};
  }

  PluginScript script;
  RecordingLogger logger;
  boost::asio::io_context io_context{1};
  std::optional<EmbeddedService> service;
};

/// With a step that tests can keep from ending; for a pool, since a step on the test's own thread ends
/// before anything else happens.
class HeldStepFixture : public EmbeddedFixture {
 protected:
  /// A step that holds a worker until it is stopped or `release` opens.
  void script_hold() {
    script.on_action = [this](std::int64_t action, auto&, const std::stop_token& stop) {
      if (action == kHold) {
        const std::stop_callback on_stop(stop, [this] {
          ++stopped;
          release.open();
        });
        held.open();
        release.wait();
      }
      return grpc::Status::OK;
    };
  }

  static constexpr std::int64_t kHold = 1000;
  Latch held;
  Latch release;
  std::atomic<int> stopped{0};
  FakeClock clock;
};

}  // namespace compiler_gym::testing
