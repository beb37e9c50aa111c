// A service that was asked to end does so in time, whatever hangs and whenever it is asked.
#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/support/clock.h"
#include "tests/process/fifo_gate.h"
#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::AnyOf;
using ::testing::HasSubstr;

constexpr int kForced = 8;

class WayOutTest : public ProcessTest {
 protected:
  std::string story() const { return read_file(working_dir() / "story.txt"); }
};

TEST_F(WayOutTest, AStepThatNeverReturnsIsLeftBehind) {
  serve(kFaultyService, {"--drain_grace=0"});
  FifoGate gate((working_dir() / "gate").string());
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  std::jthread stepper([&] { EXPECT_NE(outcome(client.step(0, {1})), "OK"); });
  gate.wait_for_arrival();
  EXPECT_EQ(stop(), kForced);
  EXPECT_EQ(story(), "init\nshutdown\n") << "what the context has to keep is kept all the same";
  EXPECT_THAT(logs(), HasSubstr("the process was forced to end"));
}

TEST_F(WayOutTest, AStartThatNeverReturnsIsLeftBehind) {
  serve(kFaultyService, {"--drain_grace=0"});
  FifoGate gate((working_dir() / "gate").string());
  WireClient client = connect();
  std::jthread starter(
      [&] { EXPECT_NE(outcome(client.start_session("benchmark://slow/")), "OK"); });
  gate.wait_for_arrival();
  EXPECT_EQ(stop(), kForced);
  EXPECT_EQ(story(), "init\nshutdown\n");
}

TEST_F(WayOutTest, AShutdownThatNeverReturnsIsLeftBehind) {
  serve(kFaultyService, {"--drain_grace=0"}, {{"COMPILER_GYM_TEST_SHUTDOWN", "gate"}});
  FifoGate gate((working_dir() / "gate").string());
  EXPECT_EQ(stop(), kForced);
  EXPECT_EQ(story(), "init\nshutdown\n");
}

TEST_F(WayOutTest, AnInitThatNeverReturnsIsLeftBehind) {
  fs::create_directories(working_dir());
  FifoGate gate((working_dir() / "gate").string());
  run(kFaultyService, {"--working_dir", working_dir().string(), "--drain_grace=0"},
      {{"COMPILER_GYM_TEST_INIT", "gate"}});
  gate.wait_for_arrival();
  EXPECT_EQ(stop(), kForced);
}

// ------------------------------------------------------------------------------------------ stderr

// With its standard error in a pipe that nobody reads any more.
TEST_F(WayOutTest, AClosedPipeIsNoReasonToDieOf) {
  std::array<int, 2> ends{};
  ASSERT_EQ(pipe2(ends.data(), O_CLOEXEC), 0);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawn_file_actions_adddup2(&actions, ends[1], STDERR_FILENO);
  const std::string binary = std::string(COMPILER_GYM_BIN_DIR) + "/" + kFaultyService;
  std::string directory = "--working_dir=" + working_dir().string();
  std::string log = "--alsologtostderr";
  const std::array<char*, 4> arguments{const_cast<char*>(binary.c_str()), directory.data(),
                                       log.data(), nullptr};
  pid_t pid = 0;
  ASSERT_EQ(posix_spawn(&pid, binary.c_str(), &actions, nullptr, arguments.data(), environ), 0);
  posix_spawn_file_actions_destroy(&actions);
  close(ends[1]);
  poll_until([&] { return fs::exists(working_dir() / "pid.txt"); });
  close(ends[0]);
  kill(pid, SIGTERM);
  int status = 0;
  ASSERT_EQ(waitpid(pid, &status, 0), pid);
  EXPECT_TRUE(WIFEXITED(status)) << "by signal " << WTERMSIG(status);
  EXPECT_EQ(WEXITSTATUS(status), 0);
  EXPECT_EQ(story(), "init\nshutdown\n");
}

// --------------------------------------------------------------------------------------- inherited

// As whoever starts it ignores or blocks them: dispositions and masks are inherited.
class InheritedSignalsTest : public WayOutTest {
 protected:
  InheritedSignalsTest() {
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) {
      ::signal(signal, SIG_IGN);
    }
    sigset_t blocked;
    sigemptyset(&blocked);
    sigaddset(&blocked, SIGTERM);
    sigaddset(&blocked, SIGCHLD);
    pthread_sigmask(SIG_BLOCK, &blocked, &before_);
  }
  ~InheritedSignalsTest() override { restore(); }

  void restore() {
    for (const int signal : {SIGTERM, SIGINT, SIGCHLD}) {
      ::signal(signal, SIG_DFL);
    }
    pthread_sigmask(SIG_SETMASK, &before_, nullptr);
  }

 private:
  sigset_t before_{};
};

TEST_F(InheritedSignalsTest, AreOfNoConsequence) {
  serve(kHazardService, {"--executor=isolated"});
  restore();  // this process wants to hear how the service ends
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  EXPECT_EQ(stop(SIGTERM), 6);
}

// ------------------------------------------------------------------------------------------- storms

// At any moment of its life, and as often as one likes.
TEST_F(WayOutTest, AStormOfSignalsEndsItWithAStatusOfItsOwn) {
  std::mt19937 random(1);
  constexpr int kServices = 40;
  for (int i = 0; i < kServices; ++i) {
    const fs::path directory = root() / ("storm" + std::to_string(i));
    run(i % 2 == 0 ? kExampleService : kFaultyService, {"--working_dir=" + directory.string()});
    // What it has come to by then is anything from exec to the end.
    const auto first = std::chrono::microseconds(random() % 60'000);
    const Clock::time_point start = Clock::now();
    while (Clock::now() - start < first) {
      std::this_thread::yield();
    }
    while (!service->ended()) {
      service->signal(random() % 2 == 0 ? SIGTERM : SIGINT);
      for (std::uint32_t pause = random() % 2'000; pause > 0; --pause) {
        std::this_thread::yield();
      }
    }
    // A signal before the first line of main() finds the system's default.
    EXPECT_THAT(service->wait(), AnyOf(0, -SIGTERM, -SIGINT)) << "service " << i;
    if (fs::exists(directory / "logs")) {
      EXPECT_EQ(service->wait(), 0) << "service " << i << " was up already";
    }
  }
}

}  // namespace
}  // namespace compiler_gym::testing
