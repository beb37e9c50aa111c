// CONTRACT.md 1.11: signals and exit statuses; and the context's failures in them.
#include <csignal>
#include <thread>

#include "tests/process/fifo_gate.h"
#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class StopTest : public ProcessTest {
 protected:
  /// What the context was asked to do.
  std::string story() const { return read_file(working_dir() / "story.txt"); }
};

// ----------------------------------------------------------------------------------------- signals

class SignalTest : public StopTest, public ::testing::WithParamInterface<int> {};

TEST_P(SignalTest, EndsAServiceWithoutSessionsWithZero) {
  serve(kFaultyService);
  EXPECT_EQ(outcome(connect().get_spaces()), "OK");
  EXPECT_EQ(stop(GetParam()), 0);
  EXPECT_EQ(story(), "init\nshutdown\n");
  EXPECT_THAT(service->stderr_text(), IsEmpty());
}

TEST_P(SignalTest, EndsAServiceWithASessionOpenWithSix) {
  serve(kFaultyService);
  EXPECT_EQ(outcome(connect().start_session()), "OK");
  EXPECT_EQ(stop(GetParam()), 6);
  EXPECT_EQ(story(), "init\nshutdown\n");
}

TEST_P(SignalTest, EndsAServiceWhoseSessionsHaveEndedWithZero) {
  serve(kExampleService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  EXPECT_EQ(outcome(client.fork_session(0)), "OK");
  EXPECT_EQ(outcome(client.end_session(0)), "OK");
  EXPECT_EQ(outcome(client.end_session(1)), "OK");
  EXPECT_EQ(stop(GetParam()), 0);
}

INSTANTIATE_TEST_SUITE_P(, SignalTest, ::testing::Values(SIGTERM, SIGINT), [](const auto& row) {
  return std::string(row.param == SIGTERM ? "Sigterm" : "Sigint");
});

TEST_F(StopTest, AStepUnderWayIsWaitedFor) {
  serve(kFaultyService);
  FifoGate gate((working_dir() / "gate").string());
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  std::string step_outcome;
  std::jthread stepper([&] { step_outcome = outcome(client.step(0, {1, 0})); });
  gate.wait_for_arrival();

  service->signal(SIGTERM);
  wait_for_log("drain: begins");
  EXPECT_FALSE(service->ended());
  gate.let_pass();

  stepper.join();
  EXPECT_EQ(step_outcome, "OK");
  EXPECT_EQ(service->wait(), 6);
  EXPECT_EQ(story(), "init\nshutdown\n");
}

TEST_F(StopTest, ASecondSignalDoesNotWait) {
  serve(kFaultyService, {"--drain_grace=31536000"});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  std::string step_outcome;
  std::jthread stepper([&] { step_outcome = outcome(client.step(0, {2, 0})); });
  poll_until([&] { return fs::exists(working_dir() / "waiting"); });

  service->signal(SIGTERM);
  wait_for_log("drain: begins");
  EXPECT_FALSE(service->ended());
  service->signal(SIGTERM);

  EXPECT_EQ(service->wait(), 6);
  EXPECT_EQ(story(), "init\nshutdown\n");
  stepper.join();
  EXPECT_THAT(step_outcome, AnyOf(StartsWith("CANCELLED"), StartsWith("UNAVAILABLE")));
}

TEST_F(StopTest, WithoutAGracePeriodASignalStopsStepsAtOnce) {
  serve(kFaultyService, {"--drain_grace=0"});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  std::jthread stepper([&] { EXPECT_NE(outcome(client.step(0, {2})), "OK"); });
  poll_until([&] { return fs::exists(working_dir() / "waiting"); });
  EXPECT_EQ(stop(), 6);
}

TEST_F(StopTest, AKilledServiceHasItsSignalForAStatus) {
  serve(kExampleService);
  EXPECT_EQ(stop(SIGKILL), -SIGKILL);
}

// --------------------------------------------------------------------------------------- the owner

class OwnerTest : public StopTest {
 protected:
  OwnerTest() {
    boost::filesystem::create_directories(root() / "owner");
    // Any process will do.
    owner = std::make_unique<ServiceProcess>(
        kExampleService,
        std::vector<std::string>{"--working_dir=" + (root() / "owner/made").string()},
        root() / "owner");
  }
  std::string owner_flag() const { return "--owner_pid=" + std::to_string(owner->pid()); }

  std::unique_ptr<ServiceProcess> owner;
};

TEST_F(OwnerTest, AServiceEndsWhenItsOwnerIsKilled) {
  serve(kFaultyService, {owner_flag()});
  EXPECT_EQ(outcome(connect().get_spaces()), "OK");
  EXPECT_FALSE(service->ended());
  owner->signal(SIGKILL);
  EXPECT_EQ(service->wait(), 0);
  EXPECT_EQ(story(), "init\nshutdown\n");
  EXPECT_THAT(logs(),
              HasSubstr("the owner, process " + std::to_string(owner->pid()) + ", has ended"));
}

TEST_F(OwnerTest, SessionsOpenAtTheOwnersEndAreInTheExitStatus) {
  serve(kFaultyService, {owner_flag()});
  EXPECT_EQ(outcome(connect().start_session()), "OK");
  owner->signal(SIGKILL);
  EXPECT_EQ(service->wait(), 6);
}

TEST_F(OwnerTest, ASignalEndsAServiceWhoseOwnerLives) {
  serve(kFaultyService, {owner_flag()});
  EXPECT_EQ(stop(), 0);
  EXPECT_FALSE(owner->ended());
}

TEST_F(OwnerTest, AnOwnerThatIsNotThereIsNamed) {
  const pid_t gone = owner->pid();
  owner.reset();  // and waited for, so the id is free
  run(kFaultyService,
      {"--working_dir", working_dir().string(), "--owner_pid=" + std::to_string(gone)});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(), "ERROR: flag 'owner_pid': cannot watch process " +
                                        std::to_string(gone) + ": No such process\n");
  EXPECT_EQ(story(), "") << "the context was not made to work";
}

// -------------------------------------------------------------------- the context's init, shutdown

TEST_F(StopTest, TheContextIsInitialisedBeforeTheServiceListens) {
  fs::create_directories(working_dir());
  FifoGate gate((working_dir() / "gate").string());
  run(kFaultyService, {"--working_dir", working_dir().string()},
      {{"COMPILER_GYM_TEST_INIT", "gate"}});
  gate.wait_for_arrival();
  EXPECT_FALSE(fs::exists(working_dir() / "port.txt"));
  gate.let_pass();
  wait_until_serving(working_dir());
  EXPECT_EQ(stop(), 0);
}

TEST_F(StopTest, ASignalDuringInitEndsTheServiceWithoutServing) {
  fs::create_directories(working_dir());
  FifoGate gate((working_dir() / "gate").string());
  run(kFaultyService, {"--working_dir", working_dir().string()},
      {{"COMPILER_GYM_TEST_INIT", "gate"}});
  gate.wait_for_arrival();
  service->signal(SIGTERM);
  wait_for_log("drain: begins");
  gate.let_pass();
  EXPECT_EQ(service->wait(), 0);
  EXPECT_FALSE(fs::exists(working_dir() / "port.txt"));
  EXPECT_EQ(story(), "init\nshutdown\n");
}

struct ContextFailure {
  const char* name;
  Environment environment;
  bool serves;
  int status;
  const char* error;
};

class ContextFailureTest : public StopTest, public ::testing::WithParamInterface<ContextFailure> {};

TEST_P(ContextFailureTest, IsInTheExitStatusAndOnStderr) {
  if (GetParam().serves) {
    serve(kFaultyService, {}, GetParam().environment);
    wait_for_log("serving on");
    service->signal(SIGTERM);
  } else {
    run(kFaultyService, {"--working_dir", working_dir().string()}, GetParam().environment);
  }
  EXPECT_EQ(service->wait(), GetParam().status);
  EXPECT_EQ(service->stderr_text(), "ERROR: " + std::string(GetParam().error) + "\n");
  EXPECT_THAT(logs(), HasSubstr(GetParam().error)) << "the client quotes the logs";
  EXPECT_EQ(fs::exists(working_dir() / "port.txt"), GetParam().serves);
  EXPECT_EQ(story(), "init\nshutdown\n") << "shutdown once, also after a failed init";
}

INSTANTIATE_TEST_SUITE_P(
    , ContextFailureTest,
    ::testing::Values(ContextFailure{"InitFails",
                                     {{"COMPILER_GYM_TEST_INIT", "fail"}},
                                     false,
                                     1,
                                     "UNAVAILABLE: no init today"},
                      ContextFailure{"InitThrows",
                                     {{"COMPILER_GYM_TEST_INIT", "throw"}},
                                     false,
                                     1,
                                     "INTERNAL: Unhandled exception: init went wrong"},
                      ContextFailure{"InitAndShutdownFail",
                                     {{"COMPILER_GYM_TEST_INIT", "fail"},
                                      {"COMPILER_GYM_TEST_SHUTDOWN", "throw"}},
                                     false,
                                     1,
                                     "UNAVAILABLE: no init today"},
                      ContextFailure{"ShutdownFails",
                                     {{"COMPILER_GYM_TEST_SHUTDOWN", "fail"}},
                                     true,
                                     7,
                                     "UNAVAILABLE: no shutdown today"},
                      ContextFailure{"ShutdownThrows",
                                     {{"COMPILER_GYM_TEST_SHUTDOWN", "throw"}},
                                     true,
                                     7,
                                     "INTERNAL: Unhandled exception: shutdown went wrong"}),
    [](const auto& row) { return row.param.name; });

TEST_F(StopTest, AFailedShutdownOutweighsOpenSessions) {
  serve(kFaultyService, {}, {{"COMPILER_GYM_TEST_SHUTDOWN", "fail"}});
  wait_for_log("serving on");
  EXPECT_EQ(outcome(connect().start_session()), "OK");
  EXPECT_EQ(stop(), 7);
}

}  // namespace
}  // namespace compiler_gym::testing
