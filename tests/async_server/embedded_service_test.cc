// The service inside a program: the rules of the server, without one.
#include "async_server/embedded_service.h"

#include <gmock/gmock.h>

#include <boost/asio/bind_cancellation_slot.hpp>
#include <boost/asio/bind_executor.hpp>
#include <boost/asio/cancellation_signal.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/executor_work_guard.hpp>
#include <boost/asio/thread_pool.hpp>
#include <boost/asio/use_future.hpp>
#include <set>
#include <thread>

#include "async_server/version.h"
#include "tests/support/fake_clock.h"
#include "tests/support/latch.h"
#include "tests/support/poll.h"
#include "tests/support/recording_logger.h"
#include "tests/support/scripted_plugin.h"

namespace compiler_gym::testing {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;
using ::testing::ElementsAre;

/// The io_context is run by the test's thread alone, in poll(); the end of each test drains the
/// service, and checks that the io_context then runs dry.
class EmbeddedServiceTest : public ::testing::TestWithParam<PluginThreads> {
 protected:
  ~EmbeddedServiceTest() override {
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
    auto future = start(asio::use_future);
    poll_until(io_context, [&] { return future.wait_for(0s) == std::future_status::ready; });
    return future.get();
  }

  void serve(EmbeddedServiceOptions options = {}) {
    make(std::move(options));
    const grpc::Status started = wait_for([&](auto token) { return service->async_start(token); });
    ASSERT_TRUE(started.ok()) << to_string(started);
  }
  grpc::Status drain(Clock::duration grace = 60s) {
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
  asio::io_context io_context{1};
  std::optional<EmbeddedService> service;
};

INSTANTIATE_TEST_SUITE_P(Threads, EmbeddedServiceTest,
                         ::testing::Values(PluginThreads::kPool, PluginThreads::kCaller),
                         [](const auto& row) {
                           return row.param == PluginThreads::kPool ? "Pool" : "Caller";
                         });

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

TEST_P(EmbeddedServiceTest, IsReadyOnlyWhenItHasStarted) {
  make();
  EXPECT_EQ(
      to_string(wait_for([&](auto token) { return service->async_get_version(token); }).error()),
      "FAILED_PRECONDITION: async_start() has not completed");
  EXPECT_TRUE(wait_for([&](auto token) { return service->async_start(token); }).ok());
  EXPECT_EQ(to_string(wait_for([&](auto token) { return service->async_start(token); })),
            "FAILED_PRECONDITION: async_start() was called before");
}

TEST_P(EmbeddedServiceTest, AStartThatFailsShutsTheContextDown) {
  script.on_context_init = [] { return internal_error("no database"); };
  make();
  EXPECT_EQ(to_string(wait_for([&](auto token) { return service->async_start(token); })),
            "INTERNAL: no database");
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
  EXPECT_TRUE(drain().ok());
}

TEST_P(EmbeddedServiceTest, ADrainEndsSessionsAndThenTheContext) {
  script.on_context_shutdown = [this] {
    EXPECT_EQ(script.live_sessions, 0);
    return data_loss("could not be written");
  };
  serve();
  started_session();
  started_session();
  EXPECT_EQ(to_string(drain()), "DATA_LOSS: could not be written");
  EXPECT_EQ(to_string(step(0, {}).error()), "UNAVAILABLE: The service is shutting down");
  EXPECT_TRUE(drain().ok()) << "it is over";
}

TEST_P(EmbeddedServiceTest, ADrainThatWasNeverStartedIsOk) {
  make();
  EXPECT_TRUE(drain().ok());
}

// ------------------------------------------------------------- what only a pool can be in the middle of

class PooledServiceTest : public EmbeddedServiceTest {
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
  EXPECT_THAT(outcomes, ElementsAre("CANCELLED: Step cancelled after 1 of 2 actions"));
  EXPECT_THAT(history(session), ElementsAre(kHold));
}

TEST_P(PooledServiceTest, ADrainLetsARunningStepFinish) {
  script_hold();
  serve();
  const Session::Id session = started_session();
  bool stepped = false;
  service->async_step(step_request(session, {kHold}), [&](const Result<StepReply>& reply) {
    EXPECT_TRUE(reply) << to_string(reply.error());
    stepped = true;
  });
  held.wait();
  bool drained = false;
  service->async_drain(1h, [&](const grpc::Status&) { drained = true; });
  EXPECT_EQ(to_string(step(session, {}).error()), "UNAVAILABLE: The service is shutting down");
  settle(io_context);
  EXPECT_FALSE(drained);
  release.open();
  poll_until(io_context, [&] { return drained; });
  EXPECT_TRUE(stepped);
  EXPECT_EQ(stopped, 0);
}

TEST_P(PooledServiceTest, ADrainStopsWhatRunsAtTheDeadlineAndASecondOneBringsItNearer) {
  script_hold();
  serve();
  const Session::Id session = started_session();
  bool stepped = false;
  service->async_step(step_request(session, {kHold, 2}), [&](const Result<StepReply>& reply) {
    EXPECT_EQ(reply.error().error_code(), grpc::StatusCode::CANCELLED);
    stepped = true;
  });
  held.wait();
  int drained = 0;
  service->async_drain(1h, [&](const grpc::Status&) { ++drained; });
  service->async_drain(5s, [&](const grpc::Status&) { ++drained; });
  settle(io_context);  // they have begun
  clock.advance(5s - 1ns);
  settle(io_context);
  EXPECT_EQ(stopped, 0);
  clock.advance(1ns);
  poll_until(io_context, [&] { return drained == 2; });
  EXPECT_EQ(stopped, 1);
  EXPECT_TRUE(stepped);
}

TEST_P(PooledServiceTest, ADrainDuringTheStartEndsIt) {
  script.on_context_init = [this] {
    held.open();
    release.wait();
    return grpc::Status::OK;
  };
  make();
  grpc::Status started;
  bool drained = false;
  bool start_done = false;
  service->async_start([&](grpc::Status status) {
    started = std::move(status);
    start_done = true;
  });
  poll_until(io_context, [&] { return held.is_open(); });
  service->async_drain(1h, [&](const grpc::Status&) { drained = true; });
  settle(io_context);
  EXPECT_FALSE(drained);
  release.open();
  poll_until(io_context, [&] { return drained && start_done; });
  EXPECT_EQ(started.error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_THAT(script.events(), ElementsAre("context init", "context shutdown"));
}

// ------------------------------------------------------------------------------ the caller's threads

class CallersThreadTest : public EmbeddedServiceTest {};

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
