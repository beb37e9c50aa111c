#include "core/posix/command_host.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <csignal>
#include <fstream>
#include <iterator>
#include <stop_token>
#include <string>
#include <thread>
#include <vector>

#include "core/posix/command_messages.h"
#include "core/posix/processes.h"
#include "tests/core/posix/command_fixture.h"
#include "tests/support/another_process.h"
#include "tests/support/ended_process.h"
#include "tests/support/poll.h"

namespace compiler_gym {
namespace {

using namespace std::chrono_literals;
using ::testing::HasSubstr;
using testing::poll_until;

class CommandHostTest : public testing::CommandFixture {
 protected:
  void SetUp() override {
    Result<std::shared_ptr<CommandHost>> host = CommandHost::fork(patience_);
    ASSERT_TRUE(host) << to_string(host.error());
    host_ = *std::move(host);
  }

  Result<ProcessResult> try_to_run(const std::string& command) {
    command_.command = command;
    return host_->run(command_, stop_.get_token());
  }
  ProcessResult run(const std::string& command) {
    Result<ProcessResult> result = try_to_run(command);
    EXPECT_TRUE(result) << to_string(result.error());
    return result ? *std::move(result) : ProcessResult();
  }

  // Leaves a process that is of another group and session, has another parent and no environment, and
  // whose number is in a file by then.
  static std::string leave_a_daemon() {
    return "env -i setsid sh -c 'sleep 600 </dev/null >/dev/null 2>&1 & echo $! >new; mv new "
           "pid'; ";
  }
  [[nodiscard]] bool there_is_a_daemon() const {
    return boost::filesystem::exists(directory_ / "pid");
  }
  [[nodiscard]] pid_t daemon() const {
    pid_t pid = -1;
    std::ifstream((directory_ / "pid").string()) >> pid;
    EXPECT_GT(pid, 0);
    return pid;
  }

  std::chrono::milliseconds patience_ = 10s;
  std::shared_ptr<CommandHost> host_;
};

TEST_F(CommandHostTest, SaysHowACommandEnded) {
  const ProcessResult exited = run("echo out; echo err >&2; pwd; exit 3");
  EXPECT_EQ(exited.end, ProcessEnd::kExited);
  EXPECT_EQ(exited.code, 3);
  EXPECT_EQ(exited.standard_output, "out\n" + directory_.string() + "\n");
  EXPECT_EQ(exited.standard_error, "err\n");
  EXPECT_GT(exited.elapsed, 0ns);

  const ProcessResult killed = run("kill -SEGV $$");
  EXPECT_EQ(killed.end, ProcessEnd::kSignal);
  EXPECT_EQ(killed.code, SIGSEGV);

  command_.timeout = 100ms;
  EXPECT_EQ(run("sleep 600").end, ProcessEnd::kTimedOut);
}

TEST_F(CommandHostTest, WhatTheCommandIsGivenReachesIt) {
  command_.environment = {{"COMPILER_GYM_TEST_A", "a"}, {"COMPILER_GYM_TEST_B", "with space"}};
  command_.limits.file_size_in_bytes = 4096;
  command_.max_output_in_bytes = 10;
  EXPECT_EQ(run("echo $COMPILER_GYM_TEST_A/$COMPILER_GYM_TEST_B").standard_output, "a/with spa");
  EXPECT_FALSE(run("head -c 100000 /dev/zero >large").succeeded());
  // More than goes into a packet.
  const std::string text(50'000, 'x');
  EXPECT_EQ(run("test " + text + " = " + text + " && echo same").standard_output, "same\n");
}

TEST_F(CommandHostTest, WhatCannotBeStartedIsAnError) {
  command_.directory = directory_ / "missing";
  const grpc::Status status = try_to_run("true").error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INTERNAL);
  EXPECT_THAT(status.error_message(), HasSubstr("Command 'true' could not be started: "));
}

TEST_F(CommandHostTest, CommandsRunAtOneTime) {
  const auto wait_for = [](const std::string& other) {
    return "while [ ! -e " + other + " ]; do sleep 0.01; done";
  };
  std::jthread other([&, command = command_]() mutable {
    command.command = "echo >other; " + wait_for("this");
    EXPECT_TRUE((*host_->run(command, {})).succeeded());
  });
  EXPECT_TRUE(run("echo >this; " + wait_for("other")).succeeded());
}

TEST_F(CommandHostTest, AStopRequestKillsTheCommandAndWhatItHasLeft) {
  std::jthread stopper([&] {
    poll_until([&] { return there_is_a_daemon(); });
    stop_.request_stop();
  });
  EXPECT_EQ(run(leave_a_daemon() + "sleep 600").end, ProcessEnd::kStopped);
  EXPECT_TRUE(testing::has_ended(daemon()));
  EXPECT_EQ(run("sleep 600").end, ProcessEnd::kStopped) << "requested beforehand";
}

TEST_F(CommandHostTest, WhatTheCommandHasLeftIsGoneWhenItHasEnded) {
  EXPECT_TRUE(run(leave_a_daemon()).succeeded());
  EXPECT_TRUE(testing::has_ended(daemon()));
}

TEST_F(CommandHostTest, AndNoOneElses) {
  std::jthread other([&, command = command_]() mutable {
    command.command = leave_a_daemon() + "while [ ! -e go ]; do sleep 0.01; done";
    EXPECT_TRUE((*host_->run(command, {})).succeeded());
  });
  poll_until([&] { return there_is_a_daemon(); });
  EXPECT_TRUE(run("true").succeeded());
  EXPECT_FALSE(testing::has_ended(daemon()));
  std::ofstream((directory_ / "go").string());
  other.join();
  EXPECT_TRUE(testing::has_ended(daemon()));
}

TEST_F(CommandHostTest, ACommandThatKillsTheProcessAboveItGetsNothingAway) {
  const grpc::Status status = try_to_run(leave_a_daemon() + "kill -KILL $PPID; sleep 600").error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_THAT(status.error_message(), HasSubstr("the process that waited for it was killed"));
  poll_until([&] { return testing::has_ended(daemon()); });
  EXPECT_TRUE(run("true").succeeded());
}

class ImpatientCommandHostTest : public CommandHostTest {
 protected:
  ImpatientCommandHostTest() { patience_ = 100ms; }
};

TEST_F(ImpatientCommandHostTest, ACommandThatStopsTheProcessAboveItGetsNothingAway) {
  command_.timeout = 100ms;
  const grpc::Status status = try_to_run(leave_a_daemon() + "kill -STOP $PPID; sleep 600").error();
  EXPECT_EQ(status.error_code(), grpc::StatusCode::UNAVAILABLE);
  poll_until([&] { return !there_is_a_daemon() || testing::has_ended(daemon()); });
}

TEST_F(CommandHostTest, AHostThatIsGoneIsSaidToBe) {
  kill(host_->pid(), SIGKILL);
  const grpc::Status status = [&] {
    for (;;) {  // until it is
      if (const Result<ProcessResult> result = try_to_run("true");
          !result && result.error().error_code() == grpc::StatusCode::UNAVAILABLE) {
        return result.error();
      }
    }
  }();
  EXPECT_THAT(status.error_message(), HasSubstr("the process that runs commands"));
}

TEST_F(CommandHostTest, NothingIsLeftWhenWhoAskedIsKilled) {
  const int ended = testing::in_another_process([this] {
    Result<std::shared_ptr<CommandHost>> host = CommandHost::fork();
    if (!host) {
      return 1;
    }
    std::jthread asker([&] {
      command_.command = leave_a_daemon() + "sleep 600";
      static_cast<void>((*host)->run(command_, {}));
    });
    while (!there_is_a_daemon()) {
      std::this_thread::yield();
    }
    return kill(getpid(), SIGKILL);
  });
  EXPECT_EQ(ended, -SIGKILL);
  poll_until([&] { return testing::has_ended(daemon()); });
}

TEST_F(CommandHostTest, NothingIsLeftWhenItIsDestroyed) {
  const pid_t host = host_->pid();
  EXPECT_TRUE(run("true").succeeded());
  host_.reset();
  EXPECT_NE(kill(host, 0), 0);
}

TEST(CommandMessagesTest, WhatIsCutOffIsNothing) {
  ShellCommand command;
  command.command = "true";
  command.environment = {{"NAME", "value"}};
  const std::string bytes = bytes_of(command);
  EXPECT_TRUE(shell_command_of(bytes).has_value());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(shell_command_of(std::string_view(bytes).substr(0, size)).has_value()) << size;
  }
  EXPECT_FALSE(shell_command_of(bytes + "x").has_value());

  command.processor = 3;
  command.counts_events = true;
  const std::optional<ShellCommand> same = shell_command_of(bytes_of(command));
  ASSERT_TRUE(same.has_value());
  EXPECT_EQ(same->processor, 3);
  EXPECT_TRUE(same->counts_events);
  EXPECT_EQ(shell_command_of(bytes)->processor, std::nullopt);

  ProcessResult counted;
  counted.processor_time = std::chrono::milliseconds(5);
  counted.events = EventCounts{.instructions = 7, .cycles = 9};
  const auto same_result = process_result_of(bytes_of(Result<ProcessResult>(counted)));
  ASSERT_TRUE(same_result.has_value() && *same_result);
  EXPECT_EQ((*same_result)->processor_time, counted.processor_time);
  EXPECT_EQ((*same_result)->events, counted.events);

  const std::string result = bytes_of(Result<ProcessResult>(unavailable("why")));
  EXPECT_EQ(to_string(process_result_of(result).value().error()), "UNAVAILABLE: why");
  EXPECT_FALSE(process_result_of("").has_value());
}

}  // namespace
}  // namespace compiler_gym
