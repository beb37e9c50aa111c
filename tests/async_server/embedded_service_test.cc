// The service inside a program: the rules of the server, without one.
#include "async_server/embedded_service.h"

#include <gmock/gmock.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <set>
#include <thread>

#include "async_server/version.h"
#include "tests/async_server/embedded_fixture.h"

namespace compiler_gym::testing {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::ElementsAre;

class EmbeddedServiceTest : public EmbeddedFixture {};

INSTANTIATE_TEST_SUITE_P(Threads, EmbeddedServiceTest,
                         ::testing::Values(PluginThreads::kPool, PluginThreads::kCaller),
                         [](const auto& row) {
                           return row.param == PluginThreads::kPool ? "Pool" : "Caller";
                         });

// An application may run its loop until there is nothing left to do, and again when there is.
TEST_P(EmbeddedServiceTest, KeepsNoLoopRunningBetweenRequests) {
  EmbeddedServiceOptions options;
  options.sessions.request_timeout = std::chrono::milliseconds(0);
  serve(options);
  io_context.restart();
  io_context.run_for(kWatchdog);
  EXPECT_TRUE(io_context.stopped()) << "an idle service is work";
  io_context.restart();
  const Session::Id session = started_session();
  EXPECT_TRUE(step(session, {1}));
  io_context.run_for(kWatchdog);
  EXPECT_TRUE(io_context.stopped()) << "a service with an idle session is work";
  io_context.restart();
}

TEST_P(EmbeddedServiceTest, DoesWhatTheRpcsDo) {
  serve();
  EXPECT_EQ(
      wait_for([&](auto token) { return service->async_get_version(token); })->service_version(),
      service_version());
  EXPECT_EQ(wait_for([&](auto token) {
              return service->async_get_spaces(token);
            })->action_space_list_size(),
            2);
  AddBenchmarkRequest add;
  *add.add_benchmark() = make_benchmark("benchmark://test/added");
  EXPECT_TRUE(wait_for([&](auto token) { return service->async_add_benchmark(add, token); }));
  StartSessionRequest start;
  start.mutable_benchmark()->set_uri("benchmark://test/added");
  EXPECT_EQ(wait_for([&](auto token) {
              return service->async_start_session(start, token);
            })->session_id(),
            0);
  EXPECT_TRUE(step(0, {1, 2}));
  ForkSessionRequest fork;
  EXPECT_EQ(
      wait_for([&](auto token) { return service->async_fork_session(fork, token); })->session_id(),
      1);
  EXPECT_TRUE(step(0, {3}));
  EXPECT_THAT(history(1), ElementsAre(1, 2));
  EXPECT_THAT(history(0), ElementsAre(1, 2, 3));
  SendSessionParameterRequest parameters;
  for (int i = 0; i < 3; ++i) {
    parameters.add_parameter()->set_key("service.benchmark_cache.get_max_size_in_bytes");
  }
  EXPECT_THAT(wait_for([&](auto token) {
                return service->async_send_session_parameter(parameters, token);
              })->reply(),
              ElementsAre("268435456", "268435456", "268435456"));
  EndSessionRequest end;
  EXPECT_EQ(wait_for([&](auto token) {
              return service->async_end_session(end, token);
            })->remaining_sessions(),
            1);
  EXPECT_EQ(service->session_count(), 1U);
  EXPECT_EQ(to_string(step(0, {}).error()), "NOT_FOUND: Session not found: 0");
}

TEST_P(EmbeddedServiceTest, ACoroutineOfTheApplicationUsesItDirectly) {
  serve();
  const Session::Id session = started_session();
  auto steps = [&]() -> asio::awaitable<std::int64_t> {
    std::int64_t last = 0;
    for (int i = 0; i < 1000; ++i) {
      StepRequest request = step_request(session, {i});
      const Result<StepReply> reply = co_await service->async_step(std::move(request));
      last = reply->observation(0).int64_tensor().value_size();
    }
    co_return last;
  };
  EXPECT_EQ(wait_for([&](auto token) { return asio::co_spawn(io_context, steps(), token); }), 1000);
}

TEST_P(EmbeddedServiceTest, AHandlerNeverRunsInsideTheCall) {
  serve();
  const Session::Id session = started_session();
  std::atomic<bool> inside{false};
  int handled = 0;
  for (const Session::Id id : {session, Session::Id{99}}) {  // done, and refused
    inside = true;
    service->async_step(step_request(id, {1}), [&](const Result<StepReply>&) {
      EXPECT_FALSE(inside);
      ++handled;
    });
    inside = false;
  }
  poll_until(io_context, [&] { return handled == 2; });
}

TEST_P(EmbeddedServiceTest, AHandlerRunsOnItsExecutor) {
  serve();
  const Session::Id session = started_session();
  asio::thread_pool elsewhere(1);
  std::thread::id expected;
  asio::post(elsewhere, [&] { expected = std::this_thread::get_id(); });
  std::promise<std::thread::id> ran_on;
  service->async_step(step_request(session, {1}),
                      asio::bind_executor(elsewhere, [&](const Result<StepReply>&) {
                        ran_on.set_value(std::this_thread::get_id());
                      }));
  auto future = ran_on.get_future();
  poll_until(io_context, [&] { return future.wait_for(0s) == std::future_status::ready; });
  EXPECT_EQ(future.get(), expected);
}

TEST_P(EmbeddedServiceTest, RefusesBeyondTheLimits) {
  EmbeddedServiceOptions options;
  options.max_requests_in_flight = 1;
  Latch release;
  if (GetParam() == PluginThreads::kPool) {
    script.on_action = [&](std::int64_t, auto&, const auto&) {
      release.wait();
      return grpc::Status::OK;
    };
  }
  serve(options);
  const Session::Id session = started_session();
  int handled = 0;
  // On the caller's thread it is in flight until the loop has its turn.
  service->async_step(step_request(session, {1}), [&](const Result<StepReply>& reply) {
    EXPECT_TRUE(reply) << to_string(reply.error());
    ++handled;
  });
  EXPECT_EQ(service->requests_in_flight(), 1U);
  service->async_step(step_request(session, {2}), [&](const Result<StepReply>& reply) {
    EXPECT_EQ(to_string(reply.error()),
              "RESOURCE_EXHAUSTED: 1 requests are in flight already, the limit is 1");
    ++handled;
  });
  service->async_get_version([&](const Result<GetVersionReply>& reply) {
    EXPECT_TRUE(reply);
    ++handled;
  });
  release.open();
  poll_until(io_context, [&] { return handled == 3; });
  EXPECT_EQ(service->requests_in_flight(), 0U);
}

class PooledServiceTest : public HeldStepFixture {};

INSTANTIATE_TEST_SUITE_P(Threads, PooledServiceTest, ::testing::Values(PluginThreads::kPool),
                         [](const auto&) { return "Pool"; });

TEST_P(PooledServiceTest, CancellingARequestStopsIt) {
  script_hold();
  serve();
  const Session::Id session = started_session();
  asio::cancellation_signal cancel;
  std::vector<std::string> outcomes;
  service->async_step(
      step_request(session, {kHold, 2}),
      asio::bind_cancellation_slot(cancel.slot(), [&](const Result<StepReply>& reply) {
        outcomes.push_back(to_string(reply.error()));
      }));
  held.wait();
  cancel.emit(asio::cancellation_type::terminal);
  poll_until(io_context, [&] { return outcomes.size() == 1; });
  EXPECT_THAT(outcomes,
              ElementsAre("CANCELLED: Step cancelled; 1 of 2 actions were applied and remain"));
  EXPECT_THAT(history(session), ElementsAre(kHold));
}

// ------------------------------------------------------------------------------ the caller's threads

class CallersThreadTest : public EmbeddedFixture {};

INSTANTIATE_TEST_SUITE_P(Threads, CallersThreadTest, ::testing::Values(PluginThreads::kCaller),
                         [](const auto&) { return "Caller"; });

TEST_P(CallersThreadTest, PluginCodeRunsOnTheThreadThatAsks) {
  std::set<std::thread::id> threads;
  const auto note = [&] {
    threads.insert(std::this_thread::get_id());
    return grpc::Status::OK;
  };
  script.on_init = [&](const Benchmark&) { return note(); };
  script.on_action = [&](std::int64_t, auto&, const auto&) { return note(); };
  script.on_fork = note;
  script.on_session_destroyed = note;
  serve();
  const Session::Id session = started_session();
  EXPECT_TRUE(step(session, {1, 2}));
  ForkSessionRequest fork;
  EXPECT_TRUE(wait_for([&](auto token) { return service->async_fork_session(fork, token); }));
  EndSessionRequest end;
  EXPECT_TRUE(wait_for([&](auto token) { return service->async_end_session(end, token); }));
  EXPECT_TRUE(drain().ok());
  EXPECT_THAT(threads, ElementsAre(std::this_thread::get_id()));
}

TEST_P(CallersThreadTest, AStepIsDoneWhenTheCallReturns) {
  int actions = 0;
  script.on_action = [&](std::int64_t, auto&, const auto&) {
    ++actions;
    return grpc::Status::OK;
  };
  serve();
  const Session::Id session = started_session();
  bool handled = false;
  service->async_step(step_request(session, {1}),
                      [&](const Result<StepReply>&) { handled = true; });
  EXPECT_EQ(actions, 1);
  EXPECT_FALSE(handled);
  poll_until(io_context, [&] { return handled; });
}

// Others of the caller's threads wait in line, and what they ask for is not run on top of each other.
TEST_P(CallersThreadTest, OneSessionOfManyThreadsStaysInOrder) {
  constexpr int kThreads = 4;
  constexpr int kSteps = 15;  // together they are within a session's bound
  serve();
  const Session::Id session = started_session();
  std::atomic<int> handled{0};
  {
    std::vector<std::jthread> threads;
    for (int i = 0; i < kThreads; ++i) {
      threads.emplace_back([&] {
        for (std::int64_t action = 0; action < kSteps; ++action) {
          service->async_step(step_request(session, {action}), [&](const Result<StepReply>& reply) {
            EXPECT_TRUE(reply) << to_string(reply.error());
            ++handled;
          });
        }
      });
    }
  }
  poll_until(io_context, [&] { return handled == kThreads * kSteps; });
  EXPECT_EQ(history(session).size(), static_cast<std::size_t>(kThreads * kSteps));
}

}  // namespace
}  // namespace compiler_gym::testing
