// What it takes to measure a program: a processor, the machine's lock, counters of events.
#include <gmock/gmock.h>
#include <linux/perf_event.h>
#include <sys/stat.h>

#include <array>
#include <boost/asio/post.hpp>
#include <optional>
#include <string>
#include <thread>

#include "core/posix/event_counter.h"
#include "core/posix/machine_lock.h"
#include "core/posix/processors.h"
#include "core/worker_pool.h"
#include "tests/core/posix/command_fixture.h"
#include "tests/support/another_process.h"
#include "tests/support/latch.h"
#include "tests/support/recording_logger.h"

namespace compiler_gym {
namespace {

using ::testing::HasSubstr;
using testing::in_another_process;
using ::testing::StartsWith;

// ------------------------------------------------------------------------------------------- processors

class ProcessorsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    if (all_.size() < 2) {
      GTEST_SKIP() << "there is one processor here";
    }
  }

  const std::vector<int> all_ = allowed_processors();
};

TEST_F(ProcessorsTest, OneIsLeftAlone) {
  EXPECT_EQ(in_another_process([this] {
              const bool left = leave_processor_alone(all_.front()).ok();
              const std::vector<int> others(all_.begin() + 1, all_.end());
              return left && allowed_processors() == others ? 0 : 1;
            }),
            0);
}

TEST_F(ProcessorsTest, OneThatIsNotThereIsNamedAndSoAreTheOthers) {
  const grpc::Status status = leave_processor_alone(all_.back() + 1);
  EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_THAT(status.error_message(),
              StartsWith("Processor " + std::to_string(all_.back() + 1) + " can't be left alone"));
  EXPECT_THAT(status.error_message(), HasSubstr(std::to_string(all_.front())));
  EXPECT_EQ(allowed_processors(), all_);
}

TEST_F(ProcessorsTest, TheOnlyOneIsNotLeftAlone) {
  EXPECT_EQ(in_another_process([this] {
              const OnProcessor only(all_.front());
              return leave_processor_alone(all_.front()).ok() ? 1 : 0;
            }),
            0);
}

TEST_F(ProcessorsTest, AThreadIsOnOneForAWhile) {
  {
    const OnProcessor on_last(all_.back());
    EXPECT_EQ(on_last.error(), 0);
    EXPECT_EQ(allowed_processors(), std::vector{all_.back()});
  }
  EXPECT_EQ(allowed_processors(), all_);
  EXPECT_NE(OnProcessor(all_.back() + 1).error(), 0);
  EXPECT_EQ(allowed_processors(), all_);
}

// ------------------------------------------------------------------------------------- the machine's lock

class MachineLockTest : public testing::CommandFixture {
 protected:
  const std::string file_ = (directory_ / "lock").string();
};

TEST_F(MachineLockTest, IsHeldByOneAtATime) {
  std::optional<MachineLock> held = *MachineLock::acquire(file_, stop_.get_token());
  std::optional<Result<MachineLock>> waited_for;
  std::jthread waiting([&] { waited_for = MachineLock::acquire(file_, stop_.get_token()); });
  // Another process does not get it meanwhile.
  command_.command = "flock --nonblock " + file_ + " true";
  EXPECT_EQ(run_shell_command(command_, stop_.get_token())->code, 1);
  held.reset();
  waiting.join();
  ASSERT_TRUE(waited_for.has_value());
  EXPECT_TRUE(*waited_for);
}

TEST_F(MachineLockTest, WhoWaitsForItLeavesItsThreadToOthers) {
  testing::RecordingLogger logger;
  std::optional<MachineLock> held = *MachineLock::acquire(file_, stop_.get_token());
  testing::Latch other_ran;
  WorkerPool pool({.threads = 1}, logger);
  bool acquired = false;
  boost::asio::post(pool.executor(),
                    [&] { acquired = MachineLock::acquire(file_, stop_.get_token()).has_value(); });
  boost::asio::post(pool.executor(), [&] { other_ran.arrive(); });
  other_ran.wait();
  held.reset();
  pool.join();
  EXPECT_TRUE(acquired);
}

TEST_F(MachineLockTest, IsForEveryUser) {
  const Result<MachineLock> held = MachineLock::acquire(file_, stop_.get_token());
  ASSERT_TRUE(held);
  struct stat made{};
  ASSERT_EQ(stat(file_.c_str(), &made), 0);
  EXPECT_EQ(made.st_mode & 0444U, 0444U);
}

TEST_F(MachineLockTest, WaitingForItCanBeCancelled) {
  const Result<MachineLock> held = MachineLock::acquire(file_, stop_.get_token());
  stop_.request_stop();
  const Result<MachineLock> cancelled = MachineLock::acquire(file_, stop_.get_token());
  ASSERT_FALSE(cancelled);
  EXPECT_EQ(cancelled.error().error_code(), grpc::StatusCode::CANCELLED);
}

TEST_F(MachineLockTest, AFileThatCannotBeMadeIsNamed) {
  const std::string file = file_ + "/in/no/directory";
  const Result<MachineLock> nothing = MachineLock::acquire(file, stop_.get_token());
  ASSERT_FALSE(nothing);
  EXPECT_EQ(to_string(nothing.error()),
            "UNAVAILABLE: " + file + " can't be locked: No such file or directory");
}

// --------------------------------------------------------------------------------------------- counters

class EventCounterTest : public testing::CommandFixture {
 protected:
  // What has such a counter on every machine: nanoseconds on a processor.
  static Result<EventCounter> counter() {
    return EventCounter::open(PERF_TYPE_SOFTWARE, PERF_COUNT_SW_TASK_CLOCK);
  }
};

TEST_F(EventCounterTest, CountsWhatIsStartedAndWhatThatStarts) {
  const Result<EventCounter> counted = counter();
  if (!counted) {
    GTEST_SKIP() << counted.error().error_message();
  }
  EXPECT_EQ(counted->read(), std::nullopt) << "this thread itself is not counted";
  // Not in the shell that is started, but in one that it starts.
  command_.command = "sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done'; true";
  const Result<ProcessResult> result = run_shell_command(command_, stop_.get_token());
  ASSERT_TRUE(result);
  ASSERT_TRUE(result->succeeded());
  ASSERT_TRUE(counted->read().has_value());
  EXPECT_GT(*counted->read(), 1'000'000U);
}

TEST_F(EventCounterTest, OneThatTheMachineLacksSaysWhy) {
  const Result<EventCounter> nothing = EventCounter::open(/*type=*/12345, 0);
  ASSERT_FALSE(nothing);
  EXPECT_EQ(nothing.error().error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(nothing.error().error_message(), "");
}

// --------------------------------------------------------------------------------------------- commands

class MeasuredCommandTest : public testing::CommandFixture {};

TEST_F(MeasuredCommandTest, RunsOnTheProcessorThatIsSaid) {
  const int last = allowed_processors().back();
  command_.command = "sed -n 's/^Cpus_allowed_list:[[:space:]]*//p' /proc/self/status";
  command_.processor = last;
  const Result<ProcessResult> result = run_shell_command(command_, stop_.get_token());
  ASSERT_TRUE(result);
  EXPECT_EQ(result->standard_output, std::to_string(last) + "\n");
}

TEST_F(MeasuredCommandTest, AProcessorThatIsNotThereIsAnError) {
  command_.command = "true";
  command_.processor = allowed_processors().back() + 1;
  const Result<ProcessResult> result = run_shell_command(command_, stop_.get_token());
  ASSERT_FALSE(result);
  EXPECT_THAT(result.error().error_message(), HasSubstr("Invalid argument"));
}

TEST_F(MeasuredCommandTest, TellsTheProcessorsTime) {
  command_.command = "sh -c 'i=0; while [ $i -lt 100000 ]; do i=$((i + 1)); done'; true";
  const Result<ProcessResult> result = run_shell_command(command_, stop_.get_token());
  ASSERT_TRUE(result);
  EXPECT_GT(result->processor_time, std::chrono::milliseconds(1));
}

// On a machine without counters: none, rather than a failure.
TEST_F(MeasuredCommandTest, CountsEventsWhereThereAreCounters) {
  command_.command = "true";
  EXPECT_EQ(run_shell_command(command_, stop_.get_token())->events, std::nullopt);
  command_.counts_events = true;
  const Result<ProcessResult> result = run_shell_command(command_, stop_.get_token());
  ASSERT_TRUE(result);
  const bool has_counters = EventCounter::of_instructions() && EventCounter::of_cycles();
  ASSERT_EQ(result->events.has_value(), has_counters);
  if (has_counters) {
    EXPECT_GT(result->events->instructions, 0U);
    EXPECT_GT(result->events->cycles, 0U);
  }
}

}  // namespace
}  // namespace compiler_gym
