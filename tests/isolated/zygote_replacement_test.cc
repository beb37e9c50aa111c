// What happens to the process that forks sandboxes costs no session more than what a crash does.
#include <csignal>

#include "tests/isolated/isolated_fixture.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;
using ::testing::StartsWith;

class ZygoteReplacementTest : protected OwnsFakeClock, public IsolatedTest {
 protected:
  /// The time that these tests let go by is enough to look, and never to give up.
  void serve_with_patience() {
    isolated::IsolationOptions options;
    options.zygote_timeouts = {
        .probe = 1s, .answer = 24h, .preparation = 24h, .reap = 24h, .keeper = 24h};
    serve_isolated(options);
  }

  /// start(), as time goes by.
  std::string start_in_time(const std::string& uri) {
    StartSessionRequest request;
    *request.mutable_benchmark() = make_benchmark(uri);
    StartSessionReply reply;
    std::future<grpc::Status> started =
        service->async_start_session(request, reply, std::stop_source(), boost::asio::use_future);
    return to_string(in_time(std::move(started)));
  }

  grpc::Status in_time(std::future<grpc::Status> future) {
    poll_until([&] {
      clock.advance(100ms);
      return future.wait_for(0s) == std::future_status::ready;
    });
    return future.get();
  }
};

TEST_F(ZygoteReplacementTest, ADeadZygoteIsReplacedAndItsSessionsGoOn) {
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1, 2})->get()), "OK");
  const pid_t process = process_of(session);
  kill(zygote_process_, SIGKILL);
  EXPECT_EQ(failure(start("benchmark://another")), "OK");
  poll_until([&] { return is_gone(zygote_process_) && is_gone(process); });
  EXPECT_NE(zygote_of(keeper_process_), zygote_process_);
  EXPECT_EQ(failure(step(session, {3})->get()), "OK");
  EXPECT_THAT(history(session), ElementsAre(1, 2, 3));
  EXPECT_EQ(remaining_after_end(session), 1);
}

TEST_F(ZygoteReplacementTest, AStepThatRanInOneOfItsProcessesHearsWhatACrashSays) {
  FifoGate gate(path("gate"));
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  const StepCall hanging = step(session, {2, kHang});
  gate.wait_for_arrival();
  gate.let_pass();
  kill(zygote_process_, SIGKILL);
  EXPECT_THAT(failure(hanging->get()), StartsWith("DATA_LOSS: Session 0, action 2 of 2"));
  EXPECT_THAT(history(session), ElementsAre(1, 2));
}

TEST_F(ZygoteReplacementTest, AStartThatWasUnderWayIsMadeAgainOnce) {
  FifoGate gate(path("gate"));
  serve_isolated();
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri("benchmark://slow");
  request.mutable_benchmark()->mutable_program()->set_contents("gate");
  StartSessionReply reply;
  std::future<grpc::Status> started =
      service->async_start_session(request, reply, std::stop_source(), boost::asio::use_future);
  gate.wait_for_arrival();
  kill(zygote_process_, SIGKILL);
  poll_until([&] { return loads() == 2; });
  gate.wait_for_arrival();
  gate.let_pass();
  EXPECT_EQ(to_string(get_within_watchdog(std::move(started))), "OK");
}

TEST_F(ZygoteReplacementTest, ItIsReplacedAsOftenAsItDies) {
  serve_isolated();
  for (int i = 0; i < 5; ++i) {
    kill(zygote_of(keeper_process_), SIGKILL);
    EXPECT_EQ(failure(start("benchmark://test/" + std::to_string(i))), "OK");
  }
}

TEST_F(ZygoteReplacementTest, AStoppedZygoteIsReplacedWhenItIsFoundNotToAnswer) {
  serve_with_patience();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  kill(zygote_process_, SIGSTOP);
  EXPECT_EQ(start_in_time("benchmark://another"), "OK");
  EXPECT_TRUE(is_gone(zygote_process_));
  EXPECT_EQ(failure(step(session, {2})->get()), "OK");
  EXPECT_THAT(history(session), ElementsAre(1, 2));
}

TEST_F(ZygoteReplacementTest, ASessionEndsAlsoIfTheZygoteIsStopped) {
  serve_with_patience();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  kill(zygote_process_, SIGSTOP);
  EndSessionRequest request;
  request.set_session_id(session);
  EndSessionReply reply;
  std::future<grpc::Status> ended =
      service->async_end_session(request, reply, boost::asio::use_future);
  EXPECT_EQ(to_string(in_time(std::move(ended))), "OK");
  EXPECT_TRUE(is_gone(process));
}

TEST_F(ZygoteReplacementTest, WhatItsSandboxesHadStartedIsGoneWithThem) {
  serve_isolated();
  const Session::Id session = started();
  const StepCall hanging = step(session, {kLeaveChild});
  poll_until([&] { return boost::filesystem::exists(path("child")); });
  const pid_t child = std::stoi(contents("child"));
  kill(zygote_process_, SIGKILL);
  EXPECT_THAT(failure(hanging->get()), StartsWith("DATA_LOSS"));
  EXPECT_EQ(failure(start("benchmark://another")), "OK");
  EXPECT_TRUE(is_gone(child)) << "before there is another zygote";
}

TEST_F(ZygoteReplacementTest, WithoutAKeeperThereIsNoOtherZygoteAndTheServiceSaysSo) {
  serve_isolated();
  const Session::Id session = started();
  kill(keeper_process_, SIGKILL);
  EXPECT_EQ(failure(start("benchmark://another")), "OK");
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  const pid_t process = process_of(session);
  kill(zygote_process_, SIGKILL);
  // The template may not know yet that it is dead.
  EXPECT_EQ(failure(start("benchmark://a/third")),
            "UNAVAILABLE: No sandbox process can be made: the process that forks them has ended");
  // Until the kernel has ended it, it still answers.
  poll_until([&] { return is_gone(process); });
  EXPECT_THAT(failure(step(session, {2})->get()), StartsWith("UNAVAILABLE"));
  EXPECT_EQ(remaining_after_end(session), 1);
}

}  // namespace
}  // namespace compiler_gym::testing
