#include "core/posix/child_process.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <csignal>
#include <stop_token>
#include <string>
#include <thread>

#include "tests/core/posix/command_fixture.h"
#include "tests/support/another_process.h"
#include "tests/support/ended_process.h"
#include "tests/support/poll.h"
#include "tests/support/sanitized.h"

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;
using ::testing::StartsWith;

class ChildProcessTest : public testing::CommandFixture {
 protected:
  ProcessResult run(const std::string& command) {
    command_.command = command;
    Result<ProcessResult> result = run_shell_command(command_, stop_.get_token());
    EXPECT_TRUE(result) << to_string(result.error());
    return result ? *std::move(result) : ProcessResult();
  }
};

TEST_F(ChildProcessTest, OutputAndExitStatusAreReported) {
  const ProcessResult result = run("echo out; echo err >&2; exit 3");
  EXPECT_EQ(result.end, ProcessEnd::kExited);
  EXPECT_EQ(result.code, 3);
  EXPECT_FALSE(result.succeeded());
  EXPECT_EQ(result.standard_output, "out\n");
  EXPECT_EQ(result.standard_error, "err\n");
  EXPECT_TRUE(run("true").succeeded());
}

TEST_F(ChildProcessTest, RunsInItsOwnDirectory) {
  const boost::filesystem::path ours = boost::filesystem::current_path();
  EXPECT_EQ(run("pwd").standard_output, directory_.string() + "\n");
  EXPECT_TRUE(run("echo 1 >made_here").succeeded());
  EXPECT_TRUE(boost::filesystem::exists(directory_ / "made_here"));
  EXPECT_EQ(boost::filesystem::current_path(), ours);
}

TEST_F(ChildProcessTest, EnvironmentIsOursAndWhatIsAdded) {
  setenv("COMPILER_GYM_TEST_A", "ours", 1);
  setenv("COMPILER_GYM_TEST_B", "ours", 1);
  command_.environment = {{"COMPILER_GYM_TEST_B", "added"}, {"COMPILER_GYM_TEST_C", "with space"}};
  EXPECT_EQ(
      run("echo $COMPILER_GYM_TEST_A/$COMPILER_GYM_TEST_B/$COMPILER_GYM_TEST_C").standard_output,
      "ours/added/with space\n");
}

TEST_F(ChildProcessTest, SignalIsReported) {
  const ProcessResult result = run("kill -SEGV $$");
  EXPECT_EQ(result.end, ProcessEnd::kSignal);
  EXPECT_EQ(result.code, SIGSEGV);
}

TEST_F(ChildProcessTest, TimeoutKillsTheWholeGroup) {
  command_.timeout = 200ms;
  const ProcessResult result = run("sleep 600 & echo $!; sleep 600; echo never");
  EXPECT_EQ(result.end, ProcessEnd::kTimedOut);
  EXPECT_GE(result.elapsed, 200ms);
  EXPECT_LT(result.elapsed, 60s);
  const pid_t background = std::stoi(result.standard_output);
  testing::poll_until([&] { return testing::has_ended(background); });
}

TEST_F(ChildProcessTest, WhatTheCommandLeavesBehindIsKilled) {
  const ProcessResult result = run("sleep 600 & echo $!");
  EXPECT_TRUE(result.succeeded());
  EXPECT_LT(result.elapsed, 60s) << "waited for the one left behind, which holds the pipe";
  const pid_t background = std::stoi(result.standard_output);
  testing::poll_until([&] { return testing::has_ended(background); });
}

TEST_F(ChildProcessTest, StopRequestKillsTheCommand) {
  const boost::filesystem::path started = directory_ / "started";
  std::jthread stopper([&] {
    testing::poll_until([&] { return boost::filesystem::exists(started); });
    stop_.request_stop();
  });
  const ProcessResult result = run("echo >started; sleep 600");
  EXPECT_EQ(result.end, ProcessEnd::kStopped);
  EXPECT_LT(result.elapsed, 60s);
}

TEST_F(ChildProcessTest, StopRequestedBeforehandKillsTheCommand) {
  stop_.request_stop();
  EXPECT_EQ(run("sleep 600").end, ProcessEnd::kStopped);
}

TEST_F(ChildProcessTest, OutputBeyondTheLimitIsDropped) {
  command_.max_output_in_bytes = 10;
  const ProcessResult result = run("head -c 1000000 /dev/zero | tr '\\0' x; echo done >&2");
  EXPECT_EQ(result.standard_output, "xxxxxxxxxx");
  EXPECT_EQ(result.standard_error, "done\n");
}

TEST_F(ChildProcessTest, StandardInputIsEmpty) {
  EXPECT_EQ(run("cat").standard_output, "");
}

TEST_F(ChildProcessTest, DescriptorsOfOursAreNotInherited) {
  const int fd = open("/dev/null", O_RDONLY);  // without O_CLOEXEC
  ASSERT_GE(fd, 0);
  EXPECT_FALSE(run("test -e /proc/self/fd/" + std::to_string(fd)).succeeded());
  close(fd);
}

TEST_F(ChildProcessTest, LimitsHold) {
  command_.limits.file_size_in_bytes = 4096;
  EXPECT_FALSE(run("head -c 100000 /dev/zero >large").succeeded());
  EXPECT_LE(boost::filesystem::file_size(directory_ / "large"), 4096U);
  command_.limits.cpu_time = 1s;
  const ProcessResult result = run("while :; do :; done");
  EXPECT_EQ(result.end, ProcessEnd::kSignal);
  command_.limits.address_space_in_bytes = 64 << 20;
  EXPECT_EQ(run("ulimit -v").standard_output, "65536\n");
  EXPECT_EQ(run("ulimit -c").standard_output, "0\n");
}

TEST_F(ChildProcessTest, AddressSpaceIsNotLimited) {
  EXPECT_EQ(run("ulimit -S -v").standard_output, run("ulimit -H -v").standard_output)
      << "programs built with a sanitizer reserve terabytes";
}

TEST_F(ChildProcessTest, MemoryThatIsUsedIsLimited) {
  command_.limits.resident_memory_in_bytes = 64 << 20;
  EXPECT_TRUE(run("head -c 1000000 /dev/zero | tr '\\0' x | tail -c 1 >/dev/null").succeeded());
  const ProcessResult result =
      run("x=$(head -c 200000000 /dev/zero | tr '\\0' x); sleep 600; echo \"$x\"");
  EXPECT_EQ(result.end, ProcessEnd::kTooLarge);
  EXPECT_LT(result.elapsed, 60s);
}

TEST_F(ChildProcessTest, WhatHasLeftTheGroupAndTheSessionIsKilledToo) {
  const std::string escape =
      "setsid sh -c 'echo $$ >pid; exec sleep 600' >/dev/null 2>&1 & "
      "while [ ! -s pid ]; do :; done; cat pid; rm pid; ";
  EXPECT_TRUE(testing::has_ended(std::stoi(run(escape).standard_output)));
  command_.timeout = 2000ms;
  const ProcessResult result = run(escape + "sleep 600");
  EXPECT_EQ(result.end, ProcessEnd::kTimedOut);
  EXPECT_TRUE(testing::has_ended(std::stoi(result.standard_output)));
}

// As a sandbox does, which has one thread.
TEST_F(ChildProcessTest, WhatHasEmptiedItsEnvironmentIsKilledWhereOrphansAreAdopted) {
  if (testing::kThreadSanitized) {
    GTEST_SKIP() << "the sanitizer has a thread of its own in every process";
  }
  EXPECT_EQ(testing::in_another_process([this] {
              prctl(PR_SET_CHILD_SUBREAPER, 1);
              const ProcessResult result =
                  run("env -i setsid sh -c 'sh -c \"echo \\$\\$ >pid; exec sleep 600\" &' "
                      ">/dev/null 2>&1; while [ ! -s pid ]; do :; done; cat pid");
              return kill(std::stoi(result.standard_output), 0) != 0 ? 0 : 1;
            }),
            0);
}

TEST_F(ChildProcessTest, ALostExitStatusIsNotSuccess) {
  // As when whoever started us ignores SIGCHLD: the kernel reaps, and nobody learns how it ended.
  const auto previous = std::signal(SIGCHLD, SIG_IGN);
  command_.command = "exit 7";
  const Result<ProcessResult> result = run_shell_command(command_, {});
  std::signal(SIGCHLD, previous);
  ASSERT_FALSE(result.has_value());
  EXPECT_EQ(result.error().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(result.error().error_message(), ::testing::HasSubstr("SIGCHLD"));
}

TEST_F(ChildProcessTest, MissingDirectoryIsAnError) {
  command_.directory = directory_ / "missing";
  command_.command = "true";
  const grpc::Status status = run_shell_command(command_, {}).error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), StartsWith("Command 'true' could not be started: "));
}

TEST_F(ChildProcessTest, LeavesNoZombieAndNoDescriptor) {
  const auto descriptors = [] {
    return std::distance(boost::filesystem::directory_iterator("/proc/self/fd"), {});
  };
  EXPECT_TRUE(run("true").succeeded());
  const auto before = descriptors();
  for (int i = 0; i < 20; ++i) {
    EXPECT_TRUE(run("true").succeeded());
  }
  EXPECT_EQ(descriptors(), before);
  EXPECT_EQ(waitpid(-1, nullptr, WNOHANG), -1);
  EXPECT_EQ(errno, ECHILD);
}

}  // namespace
}  // namespace compiler_gym
