// Signals to the LLVM service with isolated sessions, idle and in the middle of a step: the exit
// statuses of CONTRACT.md 1.11, and neither a process nor a file left over.
#include <boost/asio/use_future.hpp>
#include <boost/filesystem/operations.hpp>
#include <csignal>
#include <future>

#include "core/posix/processes.h"
#include "core/support/status.h"
#include "tests/fault/fault_fixture.h"
#include "tests/support/poll.h"
#include "tools/soak/resource_usage.h"
#include "tools/support/program_files.h"

namespace compiler_gym::testing {
namespace {

using ::testing::AnyOf;
using ::testing::StartsWith;

class SignalTest : public FaultTest, public ::testing::WithParamInterface<int> {
 protected:
  void serve_isolated(std::vector<std::string> arguments = {}) {
    arguments.push_back("--executor=isolated");
    serve(std::move(arguments), kFaultyLlvmService);
    crowd_.emplace(*client_, program_, /*seed=*/3);
    files_before_ = files();
  }

  void start_sessions(int count) {
    const grpc::Status started = loop_.run(crowd_->async_start(count));
    ASSERT_TRUE(started.ok()) << to_string(started);
    const auto nothing = []() -> boost::asio::awaitable<void> { co_return; };
    loop_.run(crowd_->async_step(1, count + 1, nothing));
  }

  /// A step of the last session that never ends by itself; returns once it has begun.
  std::future<Result<StepReply>> hang() {
    StepRequest request;
    request.set_session_id(crowd_->members().back().session_id);
    request.add_action()->set_string_value("step:hang");
    auto hanging = client_->step(std::move(request), {}, boost::asio::use_future);
    const auto tell_tale = service_->working_directory() / "hanging";
    poll_until([&] { return boost::filesystem::exists(tell_tale); });
    boost::filesystem::remove(tell_tale);
    return hanging;
  }

  /// Sends the signal so many times; the exit status, once no process is left.
  int returncode_after(int times) {
    const std::vector<pid_t> processes = process_tree(service_->pid());
    for (int i = 0; i < times; ++i) {
      kill(service_->pid(), GetParam());
      wait_for_log("signal " + std::to_string(GetParam()), i + 1);
    }
    const int returncode = loop_.run(service_->async_wait()).returncode;
    for (const pid_t process : processes) {
      EXPECT_NE(kill(process, 0), 0) << "process " << process << " is left";
    }
    EXPECT_EQ(files(), files_before_);
    return returncode;
  }

  // Two signals at once may come as one.
  void wait_for_log(const std::string& text, int times) const {
    const auto log =
        service_->working_directory() / "logs" / (std::string(kFaultyLlvmService) + ".log");
    poll_until([&] {
      const std::string lines = *read_file(log);
      int found = 0;
      for (std::size_t at = lines.find(text); at != std::string::npos;
           at = lines.find(text, at + 1)) {
        ++found;
      }
      return found >= times;
    });
  }

  int files() const {
    return read_resource_usage(service_->pid(), service_->working_directory()).files;
  }

  static void expect_given_up(std::future<Result<StepReply>> step) {
    const Result<StepReply> reply = get_within_watchdog(std::move(step));
    ASSERT_FALSE(reply);
    EXPECT_THAT(to_string(reply.error()),
                AnyOf(StartsWith("CANCELLED"), StartsWith("UNAVAILABLE")));
  }

  int files_before_ = 0;
  std::optional<Crowd> crowd_;
};

TEST_P(SignalTest, WithoutSessionsTheStatusIsZero) {
  serve_isolated();
  EXPECT_EQ(returncode_after(1), 0);
}

TEST_P(SignalTest, WithIdleSessionsItIsSix) {
  serve_isolated();
  start_sessions(20);
  EXPECT_EQ(returncode_after(1), 6);
}

TEST_P(SignalTest, AStepThatHangsIsKilledAfterTheGracePeriod) {
  serve_isolated({"--drain_grace=1"});
  start_sessions(5);
  auto hanging = hang();
  EXPECT_EQ(returncode_after(1), 6);
  expect_given_up(std::move(hanging));
}

TEST_P(SignalTest, ASecondSignalKillsItAtOnce) {
  serve_isolated({"--drain_grace=31536000"});
  start_sessions(5);
  auto hanging = hang();
  EXPECT_EQ(returncode_after(2), 6);
  expect_given_up(std::move(hanging));
}

// Steps by the hundred, some of which are done, some running and some waiting.
TEST_P(SignalTest, AFloodOfStepsIsFinishedOrRefused) {
  serve_isolated();
  start_sessions(10);
  std::vector<std::future<Result<StepReply>>> steps;
  for (int i = 0; i < 300; ++i) {
    StepRequest request;
    request.set_session_id(crowd_->members()[static_cast<std::size_t>(i) % 10].session_id);
    for (const std::int64_t action : {103, 53, 39}) {
      request.add_action()->set_int64_value(action);
    }
    request.add_observation_space(1);
    steps.push_back(client_->step(std::move(request), {}, boost::asio::use_future));
  }
  EXPECT_EQ(returncode_after(1), 6);
  for (auto& step : steps) {
    const Result<StepReply> reply = get_within_watchdog(std::move(step));
    if (!reply) {
      EXPECT_THAT(to_string(reply.error()),
                  AnyOf(StartsWith("CANCELLED"), StartsWith("UNAVAILABLE")));
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, SignalTest, ::testing::Values(SIGTERM, SIGINT), [](const auto& row) {
  return std::string(row.param == SIGTERM ? "Sigterm" : "Sigint");
});

}  // namespace
}  // namespace compiler_gym::testing
