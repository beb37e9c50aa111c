// Opening sessions by StartSession and ForkSession: ids, bounds, isolation, and failures that leave nothing behind.
#include <gmock/gmock.h>

#include <stdexcept>

#include "tests/sessions/service_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

class SessionOpenTest : public ServiceFixture {};

// --------------------------------------------------------------------------------------------- ids

TEST_F(SessionOpenTest, IdsCountUpFromZeroAcrossStartsAndForks) {
  serve();
  EXPECT_EQ(started(), 0);
  EXPECT_EQ(started(), 1);
  EXPECT_EQ(forked(0), 2);
  EXPECT_EQ(started(), 3);
  EXPECT_EQ(forked(2), 4);
}

TEST_F(SessionOpenTest, IdsAreNeverReused) {
  serve();
  static_cast<void>(started());
  static_cast<void>(started());
  remaining_after_end(1);
  remaining_after_end(0);
  EXPECT_EQ(started(), 2);
}

TEST_F(SessionOpenTest, ARequestWithoutAnIdIsForSessionZero) {
  serve();
  static_cast<void>(started());
  static_cast<void>(started());
  StepRequest request;
  *request.add_action() = int64_event(7);
  StepReply reply;
  EXPECT_TRUE(get_within_watchdog(
                  service->async_step(request, reply, std::stop_source(), boost::asio::use_future))
                  .ok());
  EXPECT_THAT(history(0), ElementsAre(7));
  EXPECT_THAT(history(1), IsEmpty());
}

TEST_F(SessionOpenTest, AnUnknownSessionIsNotFound) {
  serve();
  EXPECT_EQ(failure(step(15, {1})->get()), "NOT_FOUND: Session not found: 15");
  EXPECT_EQ(failure(fork(15)->get()), "NOT_FOUND: Session not found: 15");
  EXPECT_EQ(failure(parameter(-1, "key")->get()), "NOT_FOUND: Session not found: -1");
}

// ---------------------------------------------------------------------------------------- failures

struct FailedStart {
  const char* name;
  void (*request)(StartSessionRequest&);
  grpc::Status (*init)();
  grpc::Status (*observe)();
  const char* status;
};

class FailedStartTest : public ServiceFixture, public ::testing::WithParamInterface<FailedStart> {};

TEST_P(FailedStartTest, LeavesNoSessionAndUsesNoId) {
  bool fails = false;
  script.on_init = [&](const Benchmark&) {
    return fails && GetParam().init ? GetParam().init() : grpc::Status::OK;
  };
  script.on_observation = [&](const auto&, auto&) {
    return fails && GetParam().observe ? GetParam().observe() : grpc::Status::OK;
  };
  serve({.max_sessions = 2});
  ASSERT_EQ(started(), 0);

  fails = true;
  for (int i = 0; i < 3; ++i) {  // more often than there are places, so that a lost one would show
    StartSessionRequest request;
    *request.mutable_benchmark() = make_benchmark("benchmark://test/1");
    request.add_observation_space(0);
    if (GetParam().request) {
      GetParam().request(request);
    }
    EXPECT_EQ(failure(start(request)), GetParam().status);
    EXPECT_EQ(service->session_count(), 1U);
    EXPECT_EQ(script.live_sessions, 1);
  }

  fails = false;
  EXPECT_EQ(started(), 1);
}

INSTANTIATE_TEST_SUITE_P(
    , FailedStartTest,
    ::testing::Values(
        FailedStart{"NoUri", [](auto& request) { request.mutable_benchmark()->clear_uri(); },
                    nullptr, nullptr, "INVALID_ARGUMENT: No benchmark URI set for StartSession()"},
        FailedStart{"UnknownBenchmark",
                    [](auto& request) {
                      request.mutable_benchmark()->set_uri("benchmark://test/unknown");
                      request.mutable_benchmark()->clear_program();
                    },
                    nullptr, nullptr, "NOT_FOUND: Benchmark not found"},
        FailedStart{"ActionSpace", [](auto& request) { request.set_action_space(2); }, nullptr,
                    nullptr, "INVALID_ARGUMENT: Action space index out of range: 2"},
        FailedStart{"ObservationSpace", [](auto& request) { request.add_observation_space(-1); },
                    nullptr, nullptr, "INVALID_ARGUMENT: Observation space index out of range: -1"},
        FailedStart{"InitFails", nullptr,
                    [] { return grpc::Status(grpc::StatusCode::DATA_LOSS, "module broken"); },
                    nullptr, "DATA_LOSS: module broken"},
        FailedStart{"InitThrows", nullptr,
                    []() -> grpc::Status { throw std::runtime_error("no memory left"); }, nullptr,
                    "INTERNAL: Unhandled exception: no memory left"},
        FailedStart{"ObservationFails", nullptr, nullptr,
                    [] { return grpc::Status(grpc::StatusCode::UNIMPLEMENTED, "not yet"); },
                    "UNIMPLEMENTED: not yet"},
        FailedStart{"ObservationThrows", nullptr, nullptr,
                    []() -> grpc::Status { throw std::out_of_range("at()"); },
                    "INTERNAL: Unhandled exception: at()"}),
    [](const auto& row) { return row.param.name; });

TEST_F(SessionOpenTest, AFailedForkLeavesTheParentAsItWas) {
  script.on_fork = [] { return grpc::Status(grpc::StatusCode::DATA_LOSS, "cannot be cloned"); };
  serve({.max_sessions = 2});
  const Session::Id parent = started();
  EXPECT_EQ(failure(step(parent, {1})->get()), "OK");
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(failure(fork(parent)->get()), "DATA_LOSS: cannot be cloned");
  }
  script.on_fork = []() -> grpc::Status { throw std::runtime_error("no pipe"); };
  EXPECT_EQ(failure(fork(parent)->get()), "INTERNAL: Unhandled exception: no pipe");
  EXPECT_EQ(script.live_sessions, 1);
  EXPECT_THAT(history(parent), ElementsAre(1));

  script.on_fork = nullptr;
  EXPECT_EQ(forked(parent), 1) << "no id was used up";
}

TEST_F(SessionOpenTest, AConstructorThatThrowsFailsTheStartAndTheFork) {
  bool fails = false;
  serve({}, [&](CompilerGymServiceContext& context) -> std::unique_ptr<CompilationSession> {
    if (fails) {
      throw std::runtime_error("no licence");
    }
    return std::make_unique<ScriptedSession>(context, script);
  });
  static_cast<void>(started());
  fails = true;
  EXPECT_EQ(failure(start()), "INTERNAL: Unhandled exception: no licence");
  EXPECT_EQ(failure(fork(0)->get()), "INTERNAL: Unhandled exception: no licence");
  EXPECT_EQ(service->session_count(), 1U);
}

TEST_F(SessionOpenTest, TheBenchmarkOfAFailedStartStaysInTheCache) {
  // The client sends a program once; a retry names it by URI only.
  serve();
  script.on_init = [](const Benchmark&) {
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "try again");
  };
  EXPECT_EQ(failure(start("benchmark://test/sent")), "UNAVAILABLE: try again");
  script.on_init = nullptr;
  EXPECT_EQ(failure(start_by_uri("benchmark://test/sent")), "OK");
}

// ------------------------------------------------------------------------------------------ bounds

TEST_F(SessionOpenTest, RefusesMoreSessionsThanAllowed) {
  constexpr auto* kRefusal = "RESOURCE_EXHAUSTED: 2 sessions are open or starting, the limit is 2";
  serve({.max_sessions = 2});
  static_cast<void>(started());
  static_cast<void>(started());
  EXPECT_EQ(failure(start()), kRefusal);
  EXPECT_EQ(failure(fork(0)->get()), kRefusal);
  remaining_after_end(0);
  EXPECT_EQ(started(), 2);
}

TEST_F(SessionOpenTest, SessionsThatAreStartingCount) {
  Latch in_init;
  Latch release;
  script.on_init = [&](const Benchmark& benchmark) {
    if (benchmark.uri() == "benchmark://slow/1") {
      in_init.open();
      release.wait();
    }
    return grpc::Status::OK;
  };
  serve({.max_sessions = 2});
  static_cast<void>(started());
  auto starting = std::async(std::launch::async, [this] { return start("benchmark://slow/1"); });
  in_init.wait();
  EXPECT_EQ(service->session_count(), 1U) << "it cannot be used yet";
  EXPECT_EQ(failure(start()),
            "RESOURCE_EXHAUSTED: 2 sessions are open or starting, the limit is 2");
  release.open();
  const Result<StartSessionReply> slow = get_within_watchdog(std::move(starting));
  ASSERT_TRUE(slow) << failure(slow);
  EXPECT_EQ(slow->session_id(), 1);
}

// ------------------------------------------------------------------------------------------- forks

TEST_F(SessionOpenTest, AForkHasTheStateOfItsParentAndGoesItsOwnWay) {
  serve();
  const Session::Id parent = started("benchmark://test/forked");
  EXPECT_EQ(failure(step(parent, {1, 2})->get()), "OK");
  const Session::Id fork = forked(parent);
  EXPECT_EQ(failure(step(fork, {3})->get()), "OK");
  EXPECT_EQ(failure(step(parent, {4, 5})->get()), "OK");
  EXPECT_THAT(history(fork), ElementsAre(1, 2, 3));
  EXPECT_THAT(history(parent), ElementsAre(1, 2, 4, 5));
  const Result<StepReply> observed = step(fork, {}, {1})->get();
  ASSERT_TRUE(observed) << failure(observed);
  EXPECT_EQ(observed->observation(0).string_value(), "benchmark://test/forked");
}

TEST_F(SessionOpenTest, AForkCanBeForkedToAnyDepth) {
  serve();
  Session::Id session = started();
  std::vector<std::int64_t> expected;
  for (std::int64_t depth = 0; depth < 20; ++depth) {
    EXPECT_EQ(failure(step(session, {depth})->get()), "OK");
    expected.push_back(depth);
    session = forked(session);
    EXPECT_EQ(session, depth + 1);
  }
  EXPECT_EQ(history(session), expected);
  EXPECT_THAT(history(0), ElementsAre(0));
}

TEST_F(SessionOpenTest, AForkCanBeResetFromTheCache) {
  serve();
  const Session::Id fork = forked(started("benchmark://test/reset"));
  remaining_after_end(fork);
  const Result<StartSessionReply> reply = start_by_uri("benchmark://test/reset");
  ASSERT_TRUE(reply) << failure(reply);
  EXPECT_EQ(reply->session_id(), 2);
}

/// Overrides what it must, and fork is not part of that.
class MinimalSession : public CompilationSession {
 public:
  using CompilationSession::CompilationSession;
  std::vector<ActionSpace> getActionSpaces() const override { return {ActionSpace()}; }
  std::vector<ObservationSpace> getObservationSpaces() const override {
    return {ObservationSpace()};
  }
  using CompilationSession::init;
  grpc::Status init(const ActionSpace& /*actionSpace*/, const Benchmark& /*benchmark*/) override {
    return grpc::Status::OK;
  }
  grpc::Status applyAction(const Event& /*action*/, bool& /*endOfEpisode*/,
                           std::optional<ActionSpace>& /*newActionSpace*/,
                           bool& /*actionHadNoEffect*/) override {
    return grpc::Status::OK;
  }
  grpc::Status computeObservation(const ObservationSpace& /*observationSpace*/,
                                  Event& /*observation*/) override {
    return grpc::Status::OK;
  }
};

TEST_F(SessionOpenTest, WithoutAForkOfItsOwnASessionCannotBeForked) {
  serve({}, [](CompilerGymServiceContext& context) {
    return std::make_unique<MinimalSession>(context);
  });
  const Session::Id session = started();
  EXPECT_EQ(failure(fork(session)->get()),
            "UNIMPLEMENTED: CompilationSession::init(CompilationSession*) not implemented");
  EXPECT_EQ(service->session_count(), 1U);
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
}

// ------------------------------------------------------------------------------------------ spaces

TEST_F(SessionOpenTest, TheSpacesAreAskedOfASessionThatIsDestroyedAtOnce) {
  serve();
  EXPECT_EQ(script.live_sessions, 0);
  EXPECT_EQ(service->spaces().compiler_version(), "scripted");
  EXPECT_EQ(service->spaces().reply().action_space_list_size(), 2);
  EXPECT_EQ(service->spaces().reply().observation_space_list_size(), 2);
}

/// Says nothing of one kind of space, or throws when asked.
class OddSpaces : public MinimalSession {
 public:
  enum class Odd { kNoAction, kNoObservation, kThrows };
  OddSpaces(CompilerGymServiceContext& context, Odd odd) : MinimalSession(context), odd_(odd) {}
  std::vector<ActionSpace> getActionSpaces() const override {
    if (odd_ == Odd::kThrows) {
      throw std::runtime_error("no table of passes");
    }
    return std::vector<ActionSpace>(odd_ == Odd::kNoAction ? 0 : 1);
  }
  std::vector<ObservationSpace> getObservationSpaces() const override {
    return std::vector<ObservationSpace>(odd_ == Odd::kNoObservation ? 0 : 1);
  }

 private:
  const Odd odd_;
};

TEST_F(SessionOpenTest, ACompilerWithoutSpacesIsNotServed) {
  const auto load = [this](OddSpaces::Odd odd) {
    service.emplace(
        [odd](CompilerGymServiceContext& context) {
          return std::make_unique<OddSpaces>(context, odd);
        },
        context_host, workers, SessionServiceOptions());
    return to_string(service->load_spaces());
  };
  EXPECT_EQ(load(OddSpaces::Odd::kNoAction),
            "FAILED_PRECONDITION: the compilation session has no action space: at least 1 is "
            "needed");
  EXPECT_EQ(load(OddSpaces::Odd::kNoObservation),
            "FAILED_PRECONDITION: the compilation session has no observation space: at least 1 is "
            "needed");
  EXPECT_EQ(load(OddSpaces::Odd::kThrows), "INTERNAL: Unhandled exception: no table of passes");
}

// -------------------------------------------------------------------------------------- benchmarks

TEST_F(SessionOpenTest, AddedBenchmarksCanBeStartedByUri) {
  serve();
  AddBenchmarkRequest request;
  *request.add_benchmark() = make_benchmark("benchmark://test/a");
  request.add_benchmark()->set_uri("benchmark://test/uri-only");
  service->add_benchmarks(request);
  for (const char* uri : {"benchmark://test/a", "benchmark://test/uri-only"}) {
    EXPECT_EQ(failure(start_by_uri(uri)), "OK") << uri;
  }
}

TEST_F(SessionOpenTest, ReplacingABenchmarkLeavesOpenSessionsAlone) {
  serve();
  const Session::Id session = started("benchmark://test/a");
  AddBenchmarkRequest request;
  *request.add_benchmark() = make_benchmark("benchmark://test/a", 100);
  service->add_benchmarks(request);
  context_host.benchmarks().set_max_size_in_bytes(0);
  const Result<StepReply> observed = step(session, {1}, {1})->get();
  ASSERT_TRUE(observed) << failure(observed);
  EXPECT_EQ(observed->observation(0).string_value(), "benchmark://test/a");
}

}  // namespace
}  // namespace compiler_gym::testing
