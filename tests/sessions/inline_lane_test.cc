// Steps that their plug-in calls cheap, and the threads they run on.
#include <boost/asio/post.hpp>
#include <functional>
#include <stdexcept>
#include <thread>

#include "tests/sessions/service_fixture.h"
#include "tests/support/latch.h"

namespace compiler_gym::testing {
namespace {

class InlineLaneTest : public ServiceFixture {
 protected:
  static constexpr std::int64_t kCheap = 1;
  static constexpr std::int64_t kHold = 2;  // waits until it is released

  InlineLaneTest() {
    script.is_cheap = [](const StepRequest& request) {
      return request.action_size() == 1 && request.action(0).int64_value() == kCheap;
    };
    script.on_action = [this](std::int64_t action, auto&, const auto&) {
      if (action == kHold) {
        held_.arrive();
        release_.wait();
      }
      ran_on_ = std::this_thread::get_id();
      ++actions_;
      return grpc::Status::OK;
    };
  }

  Latch held_;
  Latch release_;
  std::atomic<std::thread::id> ran_on_{};
  std::atomic<int> actions_{0};
};

TEST_F(InlineLaneTest, ACheapStepOfAnIdleSessionIsDoneWhenTheCallReturns) {
  serve();
  const Session::Id session = started();
  const StepCall call = step(session, {kCheap});
  EXPECT_TRUE(call->answered());
  EXPECT_TRUE(call->get());
  EXPECT_EQ(ran_on_, std::this_thread::get_id());
}

TEST_F(InlineLaneTest, AnyOtherStepRunsOnAWorker) {
  serve();
  const Session::Id session = started();
  EXPECT_TRUE(step(session, {kCheap + 10})->get());
  EXPECT_NE(ran_on_, std::this_thread::get_id());
}

TEST_F(InlineLaneTest, ACheapStepWaitsForTheOneBeforeIt) {
  serve();
  const Session::Id session = started();
  const StepCall first = step(session, {kHold});
  held_.wait();
  const StepCall second = step(session, {kCheap});
  EXPECT_FALSE(second->answered());
  EXPECT_EQ(actions_, 0);
  release_.open();
  EXPECT_TRUE(first->get());
  EXPECT_TRUE(second->get());
  EXPECT_NE(ran_on_, std::this_thread::get_id());
}

TEST_F(InlineLaneTest, ACheapStepThatIsStoppedBeforeDoesNotRun) {
  serve();
  const Session::Id session = started();
  std::stop_source stop;
  stop.request_stop();
  EXPECT_EQ(step(session, {kCheap}, {}, stop)->get().error().error_code(),
            grpc::StatusCode::CANCELLED);
  EXPECT_EQ(actions_, 0);
}

TEST_F(InlineLaneTest, APluginThatFailsToSayIsTakenForNo) {
  script.is_cheap = [](const StepRequest&) -> bool { throw std::runtime_error("who knows"); };
  serve();
  const Session::Id session = started();
  EXPECT_TRUE(step(session, {kCheap})->get());
  EXPECT_NE(ran_on_, std::this_thread::get_id());
}

// Each step is asked for in the handler of the one before: nested, they would need a stack of some
// gigabytes.
TEST_F(InlineLaneTest, StepsFromHandlersOfStepsDoNotPileUp) {
  constexpr int kSteps = 100'000;
  script.on_action = {};
  serve();
  StepRequest request;
  request.set_session_id(started());
  *request.add_action() = int64_event(kCheap);
  StepReply reply;
  Latch done;
  int left = kSteps;
  std::function<void()> next = [&] {
    service->async_step(request, reply, std::stop_source(), [&](const grpc::Status& status) {
      EXPECT_TRUE(status.ok()) << to_string(status);
      reply.Clear();
      if (--left == 0) {
        done.open();
      } else {
        next();
      }
    });
  };
  next();
  done.wait();
  EXPECT_EQ(left, 0);
}

}  // namespace
}  // namespace compiler_gym::testing
