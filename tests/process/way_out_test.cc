// A service that was asked to end does so in time, whatever hangs and whenever it is asked.
#include <fcntl.h>
#include <sys/stat.h>

#include <csignal>
#include <string>
#include <thread>

#include "core/posix/file_descriptor.h"
#include "tests/process/fifo_gate.h"
#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
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
  const std::string pipe = (root() / "stderr").string();
  ASSERT_EQ(mkfifo(pipe.c_str(), 0600), 0);
  FileDescriptor reader(open(pipe.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  serve(kFaultyService, {"--alsologtostderr"}, {}, "exec 2>'" + pipe + "'");
  reader.reset();
  EXPECT_EQ(stop(), 0);
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

}  // namespace
}  // namespace compiler_gym::testing
