// A service whose zygote dies, or is stopped, from outside: it goes on, and it ends.
#include <csignal>

#include "core/posix/processes.h"
#include "tests/isolated/hazard_session.h"
#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

class ZygoteTest : public ProcessTest {
 protected:
  static pid_t child_of(pid_t parent) {
    pid_t child = 0;
    poll_until([&] {
      for (const pid_t pid : process_tree(parent)) {
        child = parent_of(pid) == parent ? pid : child;
      }
      return child != 0;
    });
    return child;
  }
  [[nodiscard]] pid_t keeper() const { return child_of(service->pid()); }
  [[nodiscard]] pid_t zygote() const { return child_of(keeper()); }
};

/// SIGKILL and SIGSTOP.
class ZygoteSignalTest : public ZygoteTest, public ::testing::WithParamInterface<int> {};

TEST_P(ZygoteSignalTest, SessionsStartStepAndEndAllTheSame) {
  serve(kHazardService, {"--executor=isolated"});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  EXPECT_EQ(outcome(client.step(0, {1})), "OK");
  kill(zygote(), GetParam());
  EXPECT_EQ(outcome(client.start_session("benchmark://test/2")), "OK");
  const Result<StepReply> reply = client.step(0, {2}, {0});
  ASSERT_TRUE(reply) << outcome(reply);
  EXPECT_THAT(reply->observation(0).int64_tensor().value(), ::testing::ElementsAre(1, 2));
  kill(zygote(), GetParam());
  EXPECT_EQ(outcome(client.end_session(0)), "OK");
  kill(zygote(), GetParam());
  EXPECT_EQ(outcome(client.send_session_parameter(1, "service.executor", "isolated")), "OK");
  EXPECT_EQ(stop(), 6);
}

TEST_P(ZygoteSignalTest, TheServiceEndsAsEver) {
  serve(kHazardService, {"--executor=isolated", "--drain_grace=0"});
  EXPECT_EQ(outcome(connect().start_session()), "OK");
  const std::vector<pid_t> processes = process_tree(service->pid());
  kill(zygote(), GetParam());
  EXPECT_EQ(stop(), 6);
  for (const pid_t process : processes) {
    EXPECT_NE(kill(process, 0), 0) << process;
  }
}

INSTANTIATE_TEST_SUITE_P(, ZygoteSignalTest, ::testing::Values(SIGKILL, SIGSTOP),
                         [](const auto& row) {
                           return row.param == SIGKILL ? "Killed" : "Stopped";
                         });

TEST_F(ZygoteTest, AStoppedKeeperHoldsUpNothing) {
  serve(kHazardService, {"--executor=isolated", "--drain_grace=0"});
  EXPECT_EQ(outcome(connect().start_session()), "OK");
  const pid_t process = keeper();
  kill(process, SIGSTOP);
  EXPECT_EQ(stop(), 6);
  EXPECT_NE(kill(process, 0), 0);
}

TEST_F(ZygoteTest, WithoutAKeeperTheRestIsServed) {
  serve(kHazardService, {"--executor=isolated"});
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  const pid_t last_zygote = zygote();
  kill(keeper(), SIGKILL);
  wait_for_log("what keeps it has ended");
  EXPECT_EQ(outcome(client.step(0, {1})), "OK");
  kill(last_zygote, SIGKILL);
  EXPECT_EQ(outcome(client.start_session("benchmark://test/2")),
            "UNAVAILABLE: No sandbox process can be made: the process that forks them has ended");
  EXPECT_EQ(outcome(client.get_version()), "OK");
  EXPECT_EQ(stop(), 6);
}

}  // namespace
}  // namespace compiler_gym::testing
