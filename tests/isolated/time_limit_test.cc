// Requests that take too long, or whose client has left: asked to end, then made to.
#include <csignal>
#include <future>

#include "tests/isolated/isolated_fixture.h"

namespace compiler_gym::testing {
namespace {

using namespace std::chrono_literals;
using ::testing::ElementsAre;

class TimeLimitTest : protected OwnsFakeClock, public IsolatedTest {
 protected:
  static constexpr auto kLimit = 10s;
  static constexpr auto kGrace = 1s;

  void serve_limited() {
    isolated::IsolationOptions options;
    options.timeouts = {.request_timeout = kLimit, .cancel_grace = kGrace};
    serve_isolated(options);
  }

  /// Whether any sandbox has been told that its request is to end.
  [[nodiscard]] bool asked_to_stop() const {
    for (std::uint32_t slot = 0; slot < kMaxSandboxes; ++slot) {
      if ((*board_)[slot].cancelled_request != 0) {
        return true;
      }
    }
    return false;
  }

  FifoGate gate{path("gate")};
};

TEST_F(TimeLimitTest, AStepThatHangsEndsWhenItsTimeAndItsGraceAreUp) {
  serve_limited();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  const StepCall hanging = step(session, {1, kHang, 2});
  gate.wait_for_arrival();
  gate.let_pass();
  clock.advance(kLimit);
  poll_until([&] { return asked_to_stop(); });
  EXPECT_FALSE(hanging->answered());
  EXPECT_FALSE(is_gone(process));
  clock.advance(kGrace);
  EXPECT_EQ(
      failure(hanging->get()),
      "DEADLINE_EXCEEDED: Session 0, action 2 of 3 (int64_value: -7): the time limit of 10000 "
      "ms has passed: its sandbox process was killed; 1 of 3 actions were applied and remain");
  EXPECT_TRUE(is_gone(process));
  EXPECT_THAT(history(session), ElementsAre(1));
}

// Else no session on its benchmark could be started, or restored, any more.
TEST_F(TimeLimitTest, ATemplateThatHangsIsReplaced) {
  serve_limited();
  EXPECT_EQ(failure(start_on("x")), "OK");
  const pid_t hanging = std::stoi(contents("loader"));
  kill(hanging, SIGSTOP);
  std::future<std::string> starting =
      std::async(std::launch::async, [this] { return failure(start_on("x")); });
  // No further than that: its successor has a limit as well.
  poll_until([&] {
    clock.advance(kLimit);
    return asked_to_stop() || is_gone(hanging);
  });
  clock.advance(kGrace);
  EXPECT_EQ(starting.get(), "OK");
  EXPECT_EQ(loads(), 2);
  poll_until([&] { return is_gone(hanging); });
}

TEST_F(TimeLimitTest, AStepThatHeedsTheLimitKeepsItsSandbox) {
  serve_limited();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  const StepCall slow = step(session, {1, kWaitAtGate, 2});
  gate.wait_for_arrival();
  clock.advance(kLimit);
  poll_until([&] { return asked_to_stop(); });
  gate.let_pass();
  EXPECT_EQ(failure(slow->get()),
            "DEADLINE_EXCEEDED: the time limit of 10000 ms has passed: Step cancelled; 2 of 3 "
            "actions were applied and remain");
  EXPECT_EQ(process_of(session), process);
  EXPECT_THAT(history(session), ElementsAre(1, kWaitAtGate));
}

TEST_F(TimeLimitTest, EachStepHasTheWholeTime) {
  serve_limited();
  const Session::Id session = started();
  for (int i = 0; i < 5; ++i) {
    clock.advance(kLimit - 1ns);
    EXPECT_EQ(failure(step(session, {i})->get()), "OK");
  }
  EXPECT_THAT(history(session), ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(TimeLimitTest, AClientThatLeavesEndsItsStepLikewise) {
  serve_limited();
  const Session::Id session = started();
  const StepCall hanging = step(session, {1, kHang});
  gate.wait_for_arrival();
  gate.let_pass();
  hanging->stop.request_stop();
  EXPECT_FALSE(hanging->answered());
  clock.advance(kGrace);
  EXPECT_EQ(
      failure(hanging->get()),
      "CANCELLED: Session 0, action 2 of 2 (int64_value: -7): its sandbox process was killed, "
      "since it did not stop when asked; 1 of 2 actions were applied and remain");
  EXPECT_THAT(history(session), ElementsAre(1));
}

TEST_F(TimeLimitTest, AStepOfALeavingClientEndsBetweenActions) {
  serve_limited();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  const StepCall slow = step(session, {kWaitAtGate, 1});
  gate.wait_for_arrival();
  slow->stop.request_stop();
  gate.let_pass();
  EXPECT_EQ(failure(slow->get()),
            "CANCELLED: Step cancelled; 1 of 2 actions were applied and remain");
  EXPECT_EQ(process_of(session), process);
}

TEST_F(TimeLimitTest, ASessionThatIsEndedInTheMiddleOfAStepIsKilled) {
  serve_limited();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  const StepCall hanging = step(session, {kHang});
  gate.wait_for_arrival();
  EXPECT_EQ(remaining_after_end(session), 0);
  clock.advance(kGrace);
  EXPECT_EQ(hanging->get().error().error_code(), grpc::StatusCode::CANCELLED);
  EXPECT_TRUE(is_gone(process));
}

}  // namespace
}  // namespace compiler_gym::testing
