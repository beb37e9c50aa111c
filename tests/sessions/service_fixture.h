// The session service with a scripted compiler, without a transport.
#pragma once

#include <gtest/gtest.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/use_future.hpp>
#include <cstdint>
#include <future>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <utility>
#include <vector>

#include "sessions/session_service.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"
#include "tests/support/scripted_plugin.h"

namespace compiler_gym::testing {

/// A request that is under way. Its client leaves by `stop.request_stop()`. Goes only when it has
/// been answered, since the service uses its messages until then.
template <typename Request, typename Reply>
struct Call {
  Call() = default;
  Call(const Call&) = delete;
  Call& operator=(const Call&) = delete;
  ~Call() {
    if (status.valid()) {
      status.wait_for(kWatchdog);
    }
  }

  Request request;
  Reply reply;
  std::stop_source stop;
  std::future<grpc::Status> status;

  [[nodiscard]] bool answered() const {
    return status.wait_for(std::chrono::seconds(0)) == std::future_status::ready;
  }
  /// Waits for the answer.
  Result<Reply> get() {
    grpc::Status outcome = get_within_watchdog(std::move(status));
    return outcome.ok() ? Result<Reply>(std::move(reply)) : outcome;
  }
};

using StepCall = std::unique_ptr<Call<StepRequest, StepReply>>;
using ForkCall = std::unique_ptr<Call<ForkSessionRequest, ForkSessionReply>>;
using EndCall = std::unique_ptr<Call<EndSessionRequest, EndSessionReply>>;
using ParameterCall = std::unique_ptr<Call<SendSessionParameterRequest, SendSessionParameterReply>>;

/// Asserts that a call failed, and says with what: `NOT_FOUND: Session not found: 15`.
template <typename Reply>
std::string failure(const Result<Reply>& result) {
  return result ? "OK" : to_string(result.error());
}

/// The end of each test ends all sessions, and checks that no plug-in object is left and that no
/// session was ever in two calls at once.
class ServiceFixture : public ::testing::Test {
 protected:
  static constexpr std::size_t kWorkers = 4;

  ~ServiceFixture() override {
    if (service) {
      get_within_watchdog(service->async_end_all(boost::asio::use_future));
      EXPECT_EQ(service->session_count(), 0U);
      service.reset();
    }
    EXPECT_EQ(script.live_sessions, 0) << "plug-in objects outlived the service";
    EXPECT_EQ(script.overlaps, 0) << "a session was in two calls at once";
  }

  /// `script` is set before, or while nothing runs.
  void serve(SessionServiceOptions options = {}, SessionFactory factory = {},
             std::unique_ptr<SessionExecutorFactory> isolated = nullptr) {
    if (!factory) {
      factory = [this](CompilerGymServiceContext& context) {
        return std::make_unique<ScriptedSession>(context, script);
      };
    }
    service.emplace(std::move(factory), context_host, workers, options, std::move(isolated));
    const grpc::Status loaded = service->load_spaces();
    ASSERT_TRUE(loaded.ok()) << to_string(loaded);
  }

  Result<StartSessionReply> start(const std::string& uri = "benchmark://test/1",
                                  const std::vector<int>& observations = {},
                                  const std::stop_source& stop = {}) {
    StartSessionRequest request;
    *request.mutable_benchmark() = make_benchmark(uri);
    request.mutable_observation_space()->Add(observations.begin(), observations.end());
    return start(std::move(request), stop);
  }
  Result<StartSessionReply> start(StartSessionRequest request, const std::stop_source& stop = {}) {
    StartSessionReply reply;
    grpc::Status status =
        get_within_watchdog(service->async_start_session(request, reply, stop, kFuture));
    return status.ok() ? Result<StartSessionReply>(std::move(reply)) : status;
  }
  /// On a benchmark that the service has.
  Result<StartSessionReply> start_by_uri(const std::string& uri) {
    StartSessionRequest request;
    request.mutable_benchmark()->set_uri(uri);
    return start(std::move(request));
  }

  Session::Id started(const std::string& uri = "benchmark://test/1") {
    const Result<StartSessionReply> reply = start(uri);
    EXPECT_TRUE(reply) << failure(reply);
    return reply ? reply->session_id() : -1;
  }

  // Each hands the request in before it returns, so that the order of calls here is the order of
  // requests there.

  StepCall step(Session::Id session, const std::vector<std::int64_t>& actions,
                const std::vector<int>& observations = {},
                const std::optional<std::stop_source>& stop = {}) {
    auto call = std::make_unique<StepCall::element_type>();
    call->request.set_session_id(session);
    for (const std::int64_t action : actions) {
      *call->request.add_action() = int64_event(action);
    }
    call->request.mutable_observation_space()->Add(observations.begin(), observations.end());
    call->stop = stop.value_or(call->stop);
    call->status = service->async_step(call->request, call->reply, call->stop, kFuture);
    return call;
  }

  ForkCall fork(Session::Id session, const std::optional<std::stop_source>& stop = {}) {
    auto call = std::make_unique<ForkCall::element_type>();
    call->request.set_session_id(session);
    call->stop = stop.value_or(call->stop);
    call->status = service->async_fork_session(call->request, call->reply, call->stop, kFuture);
    return call;
  }

  EndCall end(Session::Id session) {
    auto call = std::make_unique<EndCall::element_type>();
    call->request.set_session_id(session);
    call->status = service->async_end_session(call->request, call->reply, kFuture);
    return call;
  }

  EndCall end_in_turn(Session::Id session) {
    auto call = std::make_unique<EndCall::element_type>();
    call->request.set_session_id(session);
    call->status = service->async_end_session_in_turn(call->request, call->reply, kFuture);
    return call;
  }

  ParameterCall parameter(Session::Id session, const std::string& key,
                          const std::string& value = "") {
    auto call = std::make_unique<ParameterCall::element_type>();
    call->request.set_session_id(session);
    SessionParameter& sent = *call->request.add_parameter();
    sent.set_key(key);
    sent.set_value(value);
    call->status =
        service->async_send_session_parameter(call->request, call->reply, call->stop, kFuture);
    return call;
  }

  Session::Id forked(Session::Id session) {
    const Result<ForkSessionReply> reply = fork(session)->get();
    EXPECT_TRUE(reply) << failure(reply);
    return reply ? reply->session_id() : -1;
  }

  int remaining_after_end(Session::Id session) {
    const Result<EndSessionReply> reply = end(session)->get();
    EXPECT_TRUE(reply) << failure(reply);
    return reply ? reply->remaining_sessions() : -1;
  }

  /// The actions applied to the session so far.
  std::vector<std::int64_t> history(Session::Id session) {
    const Result<StepReply> reply = step(session, {}, {0})->get();
    EXPECT_TRUE(reply) << failure(reply);
    if (!reply) {
      return {-1};
    }
    const auto& values = reply->observation(0).int64_tensor().value();
    return {values.begin(), values.end()};
  }

  PluginScript script;
  RecordingLogger logger;
  boost::asio::io_context io_context;  // of the context, which these tests leave alone
  WorkerPool workers{{.threads = kWorkers}, logger};
  ContextHost context_host{io_context.get_executor(),
                           std::make_unique<DefaultCompilerGymServiceContext>("/service"), workers,
                           logger};
  std::optional<SessionService> service;

 private:
  static constexpr boost::asio::use_future_t<> kFuture{};
};

}  // namespace compiler_gym::testing
