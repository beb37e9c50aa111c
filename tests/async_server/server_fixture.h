// A server with a scripted compiler and a client, in one process.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <future>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "async_server/server.h"
#include "client/client_loop.h"
#include "client/service_client.h"
#include "tests/support/latch.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"
#include "tests/support/scripted_plugin.h"

namespace compiler_gym::testing {

template <typename Reply>
using Future = std::future<Result<Reply>>;

/// Runs one server on two threads. The end of each test drains it if the test has not, and checks
/// that the io_context ran dry by itself, that no plug-in object is left, and that no session was
/// ever in two calls at once.
class ServerFixture : public ::testing::Test {
 protected:
  static ServerOptions default_options() {
    ServerOptions options;
    options.workers = 4;
    options.slots_per_method = 4;
    options.working_directory = ::testing::TempDir();
    return options;
  }

  /// Here rather than in the destructor: what the plug-in uses is often a derived fixture's.
  void TearDown() override {
    if (outcome.valid()) {
      EXPECT_TRUE(drain_and_join().ok()) << logger.text();
    }
    server.reset();
    EXPECT_EQ(script.live_sessions, 0) << "plug-in objects outlived the server";
    EXPECT_EQ(script.overlaps, 0) << "a session was in two calls at once";
  }

  /// Makes the server and starts async_run(); `script` is set before.
  void launch(ServerOptions options = default_options()) {
    ServicePlugin plugin{.make_context =
                             [this](const boost::filesystem::path& directory,
                                    const ServiceContextOptions& /*options*/) {
                               return std::make_unique<ScriptedContext>(directory, script);
                             },
                         .make_session =
                             [this](CompilerGymServiceContext& context) {
                               return std::make_unique<ScriptedSession>(context, script);
                             }};
    server.emplace(io_context, std::move(plugin), std::move(options), logger);
    outcome = server->async_run(boost::asio::use_future);
    for (int i = 0; i < 2; ++i) {
      threads_.emplace_back([this] { io_context.run(); });
    }
  }

  /// launch(), and connects a client once it serves.
  void serve(ServerOptions options = default_options()) {
    launch(std::move(options));
    const grpc::Status started =
        get_within_watchdog(server->async_started(boost::asio::use_future));
    ASSERT_TRUE(started.ok()) << to_string(started) << '\n' << logger.text();
    client.emplace(loop_.pump(), server->addresses().front());
  }

  /// Makes a call's handler one whose client may leave() before it is answered.
  template <typename Handler>
  auto can_leave(Handler handler) {
    return boost::asio::bind_cancellation_slot(
        leave_.slot(), boost::asio::bind_executor(leaving_, std::move(handler)));
  }
  void leave() {
    boost::asio::post(leaving_, [this] { leave_.emit(boost::asio::cancellation_type::terminal); });
  }

  /// The status async_run() completed with; the io_context must run dry after it.
  grpc::Status join() {
    grpc::Status status = get_within_watchdog(std::move(outcome));
    for (std::jthread& thread : threads_) {
      thread.join();
    }
    threads_.clear();
    return status;
  }

  grpc::Status drain_and_join(Clock::duration grace = std::chrono::seconds(30)) {
    server->async_drain(grace, [](const grpc::Status&) {});
    return join();
  }

  Future<StartSessionReply> start_session(const std::string& uri = "benchmark://test/1") {
    StartSessionRequest request;
    *request.mutable_benchmark() = make_benchmark(uri);
    return client->start_session(std::move(request), {}, boost::asio::use_future);
  }

  Session::Id started_session(const std::string& uri = "benchmark://test/1") {
    const Result<StartSessionReply> reply = get_within_watchdog(start_session(uri));
    EXPECT_TRUE(reply) << to_string(reply.error());
    return reply ? reply->session_id() : -1;
  }

  /// Sessions are not initialised before that opens.
  void hold_starts(Latch& may_start) {
    script.on_init = [this, &may_start](const Benchmark& benchmark) {
      {
        const std::lock_guard lock(start_mutex_);
        start_order_.push_back(benchmark.uri());
      }
      may_start.wait();
      return grpc::Status::OK;
    };
  }
  /// The benchmarks of those whose turn it has been since, by URI.
  std::vector<std::string> start_order() {
    const std::lock_guard lock(start_mutex_);
    return start_order_;
  }

  /// Returns when so many requests are in flight, each of them handed to what runs it. What is answered
  /// is given back a moment later.
  void wait_for_in_flight(std::size_t count) {
    poll_until([&] { return server->requests_in_flight() == count; });
    // A request is counted first and handed on then, within one event of the completion queue. This
    // call's is a later one.
    EXPECT_TRUE(get_within_watchdog(client->get_version({}, boost::asio::use_future)));
  }

  static StepRequest step_request(Session::Id session, std::vector<std::int64_t> actions,
                                  std::vector<int> observations = {}) {
    StepRequest request;
    request.set_session_id(session);
    for (const std::int64_t action : actions) {
      *request.add_action() = int64_event(action);
    }
    request.mutable_observation_space()->Add(observations.begin(), observations.end());
    return request;
  }

  Future<StepReply> step(Session::Id session, std::vector<std::int64_t> actions,
                         std::vector<int> observations = {}, CallOptions options = {}) {
    return client->step(step_request(session, std::move(actions), std::move(observations)), options,
                        boost::asio::use_future);
  }

  Future<ForkSessionReply> fork_session(Session::Id session) {
    ForkSessionRequest request;
    request.set_session_id(session);
    return client->fork_session(std::move(request), {}, boost::asio::use_future);
  }

  Future<EndSessionReply> end_session(Session::Id session) {
    EndSessionRequest request;
    request.set_session_id(session);
    return client->end_session(std::move(request), {}, boost::asio::use_future);
  }

  PluginScript script;
  RecordingLogger logger;
  boost::asio::io_context io_context;
  std::optional<Server> server;
  std::future<grpc::Status> outcome;
  std::optional<ServiceClient> client;

 private:
  std::mutex start_mutex_;
  std::vector<std::string> start_order_;
  boost::asio::cancellation_signal leave_;

 protected:
  ClientLoop loop_;

 private:
  // A signal is emitted where its handler runs, and not at the same time.
  const boost::asio::strand<boost::asio::io_context::executor_type> leaving_{
      boost::asio::make_strand(loop_.io_context())};
  std::vector<std::jthread> threads_;
};

}  // namespace compiler_gym::testing
