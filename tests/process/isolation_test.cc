// Services with sandbox processes, from outside: no end of the service leaves a process behind.
#include <sched.h>

#include <csignal>
#include <thread>

#include "core/posix/processes.h"
#include "core/posix/processors.h"
#include "tests/isolated/hazard_session.h"
#include "tests/process/fifo_gate.h"
#include "tests/process/process_fixture.h"
#include "tests/support/ended_process.h"
#include "tests/support/sanitized.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;
using ::testing::StartsWith;

class IsolationTest : public ProcessTest {
 protected:
  static bool is_gone(pid_t process) { return kill(process, 0) != 0 && errno == ESRCH; }

  static pid_t process_of(WireClient& client, std::int64_t session) {
    const Result<StepReply> reply = client.step(session, {}, {1});
    EXPECT_TRUE(reply) << outcome(reply);
    return reply ? static_cast<pid_t>(reply->observation(0).int64_value()) : -1;
  }

  /// Starts sessions, the last of which hangs in a step, and keeps the numbers of their processes.
  void serve_and_hang(WireClient& client, std::string& step_outcome) {
    for (int session = 0; session < 3; ++session) {
      ASSERT_EQ(outcome(client.start_session()), "OK");
      processes.push_back(process_of(client, session));
    }
    FifoGate gate((working_dir() / "gate").string());
    stepper =
        std::jthread([&client, &step_outcome] { step_outcome = outcome(client.step(2, {kHang})); });
    gate.wait_for_arrival();
    gate.let_pass();
  }

  std::vector<pid_t> processes;
  std::jthread stepper;
};

TEST_F(IsolationTest, ASessionIsInlineOrIsolatedAsTheFlagSays) {
  serve(kHazardService);
  WireClient inlined = connect();
  EXPECT_EQ(outcome(inlined.start_session()), "OK");
  EXPECT_EQ(process_of(inlined, 0), service->pid());
  EXPECT_EQ(stop(), 6);

  serve(kHazardService, {"--executor=isolated"});
  WireClient isolated = connect();
  EXPECT_EQ(outcome(isolated.start_session()), "OK");
  EXPECT_NE(process_of(isolated, 0), service->pid());
  EXPECT_EQ(outcome(isolated.end_session(0)), "OK");
  EXPECT_EQ(stop(), 0);
}

TEST_F(IsolationTest, NothingOfTheServiceRunsOnTheProcessorForMeasurements) {
  const std::vector<int> processors = allowed_processors();
  if (processors.size() < 2) {
    GTEST_SKIP() << "there is one processor here";
  }
  const int reserved = processors.front();
  serve(kHazardService,
        {"--executor=isolated", "--measurement_processor=" + std::to_string(reserved)});
  WireClient client = connect();
  ASSERT_EQ(outcome(client.start_session()), "OK");
  int threads = 0;
  for (const pid_t process : process_tree(service->pid())) {
    const fs::path tasks = "/proc/" + std::to_string(process) + "/task";
    for (const auto& task : fs::directory_iterator(tasks)) {
      cpu_set_t allowed{};
      const pid_t thread = std::stoi(task.path().filename().string());
      ASSERT_EQ(sched_getaffinity(thread, sizeof allowed, &allowed), 0) << thread;
      EXPECT_FALSE(CPU_ISSET(reserved, &allowed))
          << read_proc_file((task.path() / "comm").string());
      ++threads;
    }
  }
  EXPECT_GT(threads, 3);
  EXPECT_EQ(outcome(client.end_session(0)), "OK");
  EXPECT_EQ(stop(), 0);

  run(kHazardService, {"--measurement_processor=1000"});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_THAT(service->stderr_text(),
              HasSubstr("--measurement_processor: Processor 1000 can't be left alone: this process "
                        "may run on "));
}

TEST_F(IsolationTest, ACrashIsDataLossAndTheSessionGoesOn) {
  serve(kHazardService, {"--executor=isolated"});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  EXPECT_EQ(outcome(client.step(0, {1, kExit})),
            "DATA_LOSS: Session 0, action 2 of 2 (int64_value: -6): its sandbox process ended with "
            "exit status 3; 1 of 2 actions were applied and remain");
  const Result<StepReply> reply = client.step(0, {2}, {0});
  ASSERT_TRUE(reply) << outcome(reply);
  EXPECT_THAT(reply->observation(0).int64_tensor().value(), ::testing::ElementsAre(1, 2));
}

TEST_F(IsolationTest, AStepThatHangsIsKilledAtItsTimeLimit) {
  serve(kHazardService, {"--executor=isolated", "--step_timeout=1"});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  FifoGate gate((working_dir() / "gate").string());
  EXPECT_THAT(outcome(client.step(0, {kHang})),
              StartsWith("DEADLINE_EXCEEDED: Session 0, action 1 of 1"));
  EXPECT_EQ(outcome(client.step(0, {1})), "OK");
}

TEST_F(IsolationTest, ADrainKillsWhatHangs) {
  serve(kHazardService, {"--executor=isolated", "--drain_grace=0"});
  WireClient client = connect();
  std::string step_outcome;
  serve_and_hang(client, step_outcome);
  EXPECT_EQ(stop(), 6);
  for (const pid_t process : processes) {
    EXPECT_TRUE(is_gone(process));
  }
  stepper.join();
  EXPECT_THAT(step_outcome, AnyOf(StartsWith("CANCELLED"), StartsWith("UNAVAILABLE")));
}

TEST_F(IsolationTest, ASecondSignalKillsWhatHangs) {
  for (const int signal : {SIGTERM, SIGINT}) {
    processes.clear();
    serve(kHazardService, {"--executor=isolated", "--drain_grace=31536000"});
    WireClient client = connect();
    std::string step_outcome;
    serve_and_hang(client, step_outcome);
    service->signal(signal);
    wait_for_log("drain: begins");
    EXPECT_FALSE(service->ended());
    service->signal(signal);
    EXPECT_EQ(service->wait(), 6);
    for (const pid_t process : processes) {
      EXPECT_TRUE(is_gone(process));
    }
    stepper.join();
    EXPECT_THAT(step_outcome, AnyOf(StartsWith("CANCELLED"), StartsWith("UNAVAILABLE")));
    fs::remove_all(working_dir());
  }
}

TEST_F(IsolationTest, AStepUnderWayIsWaitedFor) {
  serve(kHazardService, {"--executor=isolated"});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  FifoGate gate((working_dir() / "gate").string());
  std::string step_outcome;
  stepper = std::jthread([&] { step_outcome = outcome(client.step(0, {kWaitAtGate, 1})); });
  gate.wait_for_arrival();
  service->signal(SIGINT);
  wait_for_log("drain: begins");
  EXPECT_FALSE(service->ended());
  gate.let_pass();
  stepper.join();
  EXPECT_EQ(step_outcome, "OK");
  EXPECT_EQ(service->wait(), 6);
}

// The context is initialised once more for the sandboxes, and not shut down there.
TEST_F(IsolationTest, AContextThatFailsIsInTheExitStatusAndLeavesNoProcess) {
  run(kHazardService, {"--working_dir", working_dir().string(), "--executor=isolated"},
      {{"COMPILER_GYM_TEST_INIT", "throw"}});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(), "ERROR: INTERNAL: Unhandled exception: init went wrong\n");
  EXPECT_FALSE(fs::exists(working_dir() / "port.txt"));

  serve(kHazardService, {"--executor=isolated"}, {{"COMPILER_GYM_TEST_SHUTDOWN", "fail"}});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  processes.push_back(process_of(client, 0));
  EXPECT_EQ(stop(), 7);
  EXPECT_EQ(service->stderr_text(), "ERROR: UNAVAILABLE: no shutdown today\n");
  EXPECT_TRUE(is_gone(processes.front()));
}

TEST_F(IsolationTest, OnlySandboxesWaitForTheWarmUpAndFailWithIt) {
  fs::create_directories(working_dir());
  FifoGate gate((working_dir() / "gate").string());
  serve(kHazardService, {"--executor=isolated"}, {{"COMPILER_GYM_TEST_WARM_UP", "gate"}});
  gate.wait_for_arrival();
  WireClient client = connect();
  EXPECT_EQ(outcome(client.get_version()), "OK");
  gate.let_pass();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  processes.push_back(process_of(client, 0));
  EXPECT_EQ(stop(), 6);

  serve(kHazardService, {"--executor=isolated"}, {{"COMPILER_GYM_TEST_WARM_UP", "fail"}});
  WireClient other = connect();
  EXPECT_EQ(outcome(other.start_session()), "UNAVAILABLE: no warm-up today");
  EXPECT_EQ(stop(), 0);
}

TEST_F(IsolationTest, AKilledServiceLeavesNoProcess) {
  serve(kHazardService, {"--executor=isolated"});
  WireClient client = connect();
  std::string step_outcome;
  serve_and_hang(client, step_outcome);
  EXPECT_EQ(stop(SIGKILL), -SIGKILL);
  poll_until([&] { return std::all_of(processes.begin(), processes.end(), is_gone); });
  stepper.join();
  EXPECT_THAT(step_outcome, StartsWith("UNAVAILABLE"));
}

class MemoryTest : public IsolationTest, public ::testing::WithParamInterface<const char*> {
 protected:
  static constexpr int kGiant = 3;  // its place among the observation spaces

  /// The service's own, in MiB.
  std::int64_t resident() const {
    const std::string status = read_file("/proc/" + std::to_string(service->pid()) + "/status");
    return std::stoll(status.substr(status.find("VmRSS:") + 6)) / 1024;
  }

  /// Replies of so many MiB, of several sessions at one time.
  void read_replies(std::int64_t size, int rounds) const {
    constexpr int kClients = 4;
    std::vector<std::jthread> clients;
    for (int i = 0; i < kClients; ++i) {
      clients.emplace_back([this, size, rounds] {
        WireClient client = connect();
        const auto started = client.start_session();
        ASSERT_TRUE(started) << outcome(started);
        for (int round = 0; round < rounds; ++round) {
          const auto reply = client.step(started->session_id(), {size + round}, {kGiant});
          ASSERT_TRUE(reply) << outcome(reply);
          EXPECT_EQ(reply->observation(0).string_value().size(), (size + round) << 20);
        }
        EXPECT_EQ(outcome(client.end_session(started->session_id())), "OK");
      });
    }
  }
};

TEST_P(MemoryTest, OfGiantRepliesIsGivenBack) {
  if (kSanitized) {
    GTEST_SKIP() << "sanitizers keep what is freed";
  }
  serve(kHazardService, {std::string("--executor=") + GetParam()});
  read_replies(1, 1);
  const std::int64_t before = resident();
  for (const std::int64_t size : {100, 20, 8}) {
    read_replies(size, 2);
    constexpr std::int64_t kSome = 64;  // of which one client's largest reply would be more
    poll_until([&] { return resident() <= before + kSome; });
  }
}

INSTANTIATE_TEST_SUITE_P(, MemoryTest, ::testing::Values("inline", "isolated"),
                         [](const auto& row) { return std::string(row.param); });

TEST_F(IsolationTest, WhatACommandLeftIsGoneSoonAfterTheService) {
  for (const int signal : {SIGTERM, SIGKILL}) {
    for (const char* executor : {"inline", "isolated"}) {
      serve(kHazardService, {std::string("--executor=") + executor});
      WireClient client = connect();
      EXPECT_EQ(outcome(client.start_session()), "OK");
      const Result<SendSessionParameterReply> reply =
          client.send_session_parameter(0, "escape", "");
      ASSERT_TRUE(reply) << outcome(reply);
      const pid_t left = std::stoi(reply->reply(0));
      stop(signal);
      poll_until([&] { return has_ended(left); });
    }
  }
}

TEST_F(IsolationTest, AServiceWhoseSessionsShareStateCannotIsolateThem) {
  run(kCountingService, {"--working_dir", working_dir().string(), "--executor=isolated"});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(),
            "ERROR: flag 'executor': sessions of this service share what they change, and can't be "
            "isolated\n");
}

TEST_F(IsolationTest, AnExecutorThatIsNotAllowedIsNobodys) {
  run(kCountingService, {"--working_dir", working_dir().string(), "--allow_executors=isolated"});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(),
            "ERROR: flag 'allow_executors': sessions of this service can be inline only\n");
  run(kHazardService,
      {"--working_dir", working_dir().string(), "--executor=isolated", "--allow_executors=inline"});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(),
            "ERROR: flag 'allow_executors': does not allow what --executor asks for\n");
}

}  // namespace
}  // namespace compiler_gym::testing
