// Sessions in sandbox processes do what sessions do; each in its own, which is gone when they are.
#include <unistd.h>

#include "tests/isolated/isolated_fixture.h"
#include "tests/support/sanitized.h"

namespace compiler_gym::testing {
namespace {

using ::testing::HasSubstr;
using ::testing::IsEmpty;

class IsolatedSessionTest : public IsolatedTest {};

TEST_F(IsolatedSessionTest, EachSessionIsInAProcessOfItsOwn) {
  serve_isolated();
  const Session::Id first = started();
  const Session::Id second = started();
  EXPECT_NE(process_of(first), getpid());
  EXPECT_NE(process_of(first), process_of(second));
  EXPECT_EQ(process_of(first), process_of(first));
}

TEST_F(IsolatedSessionTest, ASessionStartsWithItsObservations) {
  serve_isolated();
  const Result<StartSessionReply> reply = start("benchmark://test/1", {0, 1});
  ASSERT_TRUE(reply) << failure(reply);
  ASSERT_EQ(reply->observation_size(), 2);
  EXPECT_THAT(reply->observation(0).int64_tensor().value(), IsEmpty());
  EXPECT_EQ(reply->observation(1).int64_value(), process_of(reply->session_id()));
}

// What is asked is told by the bytes here, as the message asks for nothing.
TEST_F(IsolatedSessionTest, AStepsBytesGoThroughAsTheyAre) {
  serve_isolated();
  StepRequest request;
  request.set_session_id(started());
  StepRequest sent = request;
  sent.add_observation_space(1);
  const std::string bytes = sent.SerializeAsString();
  StepReply reply;
  StepExchange exchange(request, reply, bytes);
  const grpc::Status status = get_within_watchdog(
      service->async_step(exchange, std::stop_source(), boost::asio::use_future));
  EXPECT_EQ(to_string(status), "OK");
  ASSERT_TRUE(exchange.reply_is_bytes());
  EXPECT_EQ(reply.ByteSizeLong(), 0U) << "nobody has parsed it";
  EXPECT_EQ(to_string(exchange.parse_reply()), "OK");
  ASSERT_EQ(reply.observation_size(), 1);
  EXPECT_EQ(reply.observation(0).int64_value(), process_of(request.session_id()));
}

// The one of a lock's owner could be missing in a process forked while another thread held it.
TEST_F(IsolatedSessionTest, WhatForksHasOneThread) {
  if (testing::kThreadSanitized) {
    GTEST_SKIP() << "the sanitizer has a thread of its own in every process";
  }
  serve_isolated();
  const pid_t sandbox = process_of(started());
  for (const pid_t process : {keeper_process_, zygote_process_, sandbox}) {
    const boost::filesystem::path threads = "/proc/" + std::to_string(process) + "/task";
    EXPECT_EQ(std::distance(boost::filesystem::directory_iterator(threads), {}), 1);
  }
}

TEST_F(IsolatedSessionTest, ASandboxHasNoSocketButItsOwn) {
  serve_isolated();
  const Session::Id session = started();
  const Session::Id fork = forked(session);
  for (const Session::Id one : {session, fork}) {
    const boost::filesystem::path descriptors = "/proc/" + std::to_string(process_of(one)) + "/fd";
    int sockets = 0;
    for (const auto& entry : boost::filesystem::directory_iterator(descriptors)) {
      const bool standard = std::stoi(entry.path().filename().string()) <= STDERR_FILENO;
      const std::string what = boost::filesystem::read_symlink(entry.path()).string();
      sockets += static_cast<int>(!standard && what.starts_with("socket:"));
    }
    EXPECT_EQ(sockets, 1);
  }
}

TEST_F(IsolatedSessionTest, AFailedStartLeavesNothingBehind) {
  serve_isolated({}, {.max_sessions = 2, .executor = ExecutorKind::kIsolated});
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(failure(start_on("fail")), "FAILED_PRECONDITION: no licence for this program");
  }
  StartSessionRequest request;
  *request.mutable_benchmark() = make_benchmark("benchmark://test/1");
  request.set_action_space(2);
  EXPECT_EQ(failure(start(request)), "INVALID_ARGUMENT: Action space index out of range: 2");
  request.set_action_space(1);
  request.add_observation_space(-1);
  EXPECT_EQ(failure(start(request)), "INVALID_ARGUMENT: Observation space index out of range: -1");
  request.set_observation_space(0, 2);
  EXPECT_THAT(failure(start(request)), HasSubstr("signal 9"));
  EXPECT_EQ(service->session_count(), 0U);
  EXPECT_EQ(started(), 0) << "no id was used up";
}

TEST_F(IsolatedSessionTest, NothingIsLeftOfASessionThatHasEnded) {
  serve_isolated();
  const Session::Id session = started();
  const Session::Id fork = forked(session);
  const pid_t process = process_of(session);
  const pid_t process_of_fork = process_of(fork);
  const auto scratch = CompilerGymServiceContext::scratchDirectoryOf(process, directory_);
  boost::filesystem::create_directories(scratch / "some" / "thing");
  EXPECT_EQ(remaining_after_end(session), 1);
  EXPECT_TRUE(is_gone(process));
  poll_until([&] { return !boost::filesystem::exists(scratch); });
  EXPECT_FALSE(is_gone(process_of_fork));
  EXPECT_EQ(remaining_after_end(fork), 0);
  EXPECT_TRUE(is_gone(process_of_fork));
}

TEST_F(IsolatedSessionTest, AtTheEndOfTheServiceNoProcessIsLeft) {
  serve_isolated();
  constexpr int kSessions = 5;
  std::vector<pid_t> processes;
  processes.reserve(kSessions + 1);
  for (int i = 0; i < kSessions; ++i) {
    processes.push_back(process_of(started("benchmark://test/" + std::to_string(i))));
  }
  get_within_watchdog(service->async_end_all(boost::asio::use_future));
  processes.push_back(zygote_process_);
  for (const pid_t process : processes) {
    EXPECT_TRUE(is_gone(process));
  }
}

TEST_F(IsolatedSessionTest, ThereAreNoMoreSandboxesThanAllowed) {
  serve_isolated();
  std::string refusal;
  for (std::size_t i = 0; i < kMaxSandboxes && refusal.empty(); ++i) {
    const Result<StartSessionReply> reply = start();
    refusal = reply ? "" : failure(reply);
  }
  EXPECT_EQ(refusal, "RESOURCE_EXHAUSTED: 32 sandbox processes are there already, the limit is 32");
  EXPECT_EQ(service->session_count(), kMaxSandboxes - 1) << "one is the template";
  remaining_after_end(0);
  EXPECT_EQ(failure(start()), "OK");
}

class SmallRepliesTest : public IsolatedTest {
 protected:
  SmallRepliesTest() : IsolatedTest({.max_reply_bytes = 100}) {}
};

TEST_F(SmallRepliesTest, ALargerOneIsRefusedAndTheSessionLivesOn) {
  serve_isolated();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  const std::vector<std::int64_t> actions(100, 1);
  const Result<StepReply> refused = step(session, actions, {0})->get();
  EXPECT_THAT(
      failure(refused),
      ::testing::MatchesRegex("RESOURCE_EXHAUSTED: The reply of [0-9]+ bytes exceeds the limit "
                              "of 100 \\(--max_reply_size\\); 100 of 100 actions were applied "
                              "and remain"));
  EXPECT_THAT(failure(step(session, {}, std::vector<int>(1000, 1))->get()),
              HasSubstr("exceeds the limit of 100 "));
  EXPECT_EQ(process_of(session), process);
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
}

}  // namespace
}  // namespace compiler_gym::testing
