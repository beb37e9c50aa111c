// What kills a sandbox process costs its own session a step, and no other session anything.
#include "tests/isolated/isolated_fixture.h"
#include "tests/support/sanitized.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ContainsRegex;
using ::testing::ElementsAre;
using ::testing::StartsWith;

struct Death {
  const char* name;
  Hazard hazard;
  const char* how;
};

class SandboxDeathTest : public IsolatedTest, public ::testing::WithParamInterface<Death> {
 protected:
  SandboxDeathTest() : IsolatedTest({.limits = {.memory_in_bytes = std::uint64_t{1} << 30}}) {}
};

TEST_P(SandboxDeathTest, CostsItsOwnSessionTheActionAndNoOtherAnything) {
  if (kSanitized && GetParam().hazard != kExit) {
    GTEST_SKIP() << "a sanitizer has its own ways with this";
  }
  serve_isolated();
  const Session::Id session = started();
  const Session::Id other = started();
  const Session::Id fork = forked(session);
  EXPECT_EQ(failure(step(session, {1, 2})->get()), "OK");
  EXPECT_EQ(failure(step(other, {8})->get()), "OK");
  const pid_t process_of_other = process_of(other);

  EXPECT_EQ(
      failure(step(session, {3, GetParam().hazard, 4}, {0})->get()),
      "DATA_LOSS: Session 0, action 2 of 3 (int64_value: " + std::to_string(GetParam().hazard) +
          "): its sandbox process " + GetParam().how + "; 1 of 3 actions were applied and remain");

  EXPECT_THAT(history(session), ElementsAre(1, 2, 3)) << "what was good before it has stayed";
  EXPECT_EQ(failure(step(session, {5})->get()), "OK");
  EXPECT_THAT(history(session), ElementsAre(1, 2, 3, 5));
  EXPECT_THAT(history(other), ElementsAre(8));
  EXPECT_EQ(process_of(other), process_of_other);
  EXPECT_THAT(history(fork), ElementsAre());
}

INSTANTIATE_TEST_SUITE_P(
    , SandboxDeathTest,
    ::testing::Values(Death{"SegmentationFault", kSegmentationFault,
                            "was ended by signal 11 (Segmentation fault)"},
                      Death{"StackOverflow", kStackOverflow,
                            "was ended by signal 11 (Segmentation fault)"},
                      Death{"MemoryBomb", kMemoryBomb, "reached its limit of memory"},
                      Death{"Abort", kAbort, "was ended by signal 6 (Aborted)"},
                      Death{"Exit", kExit, "ended with exit status 3"}),
    [](const auto& row) { return row.param.name; });

class SandboxKillTest : public IsolatedTest {};

TEST_F(SandboxKillTest, AKillInTheMiddleOfAnActionIsADeathLikeAnother) {
  FifoGate gate(path("gate"));
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  const pid_t process = process_of(session);
  const StepCall hanging = step(session, {2, kHang});
  gate.wait_for_arrival();
  kill(process, SIGKILL);
  EXPECT_EQ(
      failure(hanging->get()),
      "DATA_LOSS: Session 0, action 2 of 2 (int64_value: -7): its sandbox process was ended by "
      "signal 9 (Killed); 1 of 2 actions were applied and remain");
  EXPECT_THAT(history(session), ElementsAre(1, 2));
}

TEST_F(SandboxKillTest, AKillBetweenStepsIsNotNoticed) {
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1, 2})->get()), "OK");
  const pid_t process = process_of(session);
  kill(process, SIGKILL);
  poll_until([&] { return is_gone(process); });
  EXPECT_EQ(failure(step(session, {3})->get()), "OK");
  EXPECT_THAT(history(session), ElementsAre(1, 2, 3));
  EXPECT_NE(process_of(session), process);

  kill(process_of(session), SIGKILL);
  const Session::Id fork = forked(session);
  EXPECT_THAT(history(fork), ElementsAre(1, 2, 3)) << "or by a fork";
}

TEST_F(SandboxKillTest, DeathInAnObservationKeepsTheActions) {
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1, 2}, {0, 2})->get()),
            "DATA_LOSS: Session 0, after its 2 actions: its sandbox process was ended by signal 9 "
            "(Killed); 2 of 2 actions were applied and remain");
  EXPECT_THAT(history(session), ElementsAre(1, 2));
}

TEST_F(SandboxKillTest, ADeadSessionCanBeEnded) {
  serve_isolated();
  const Session::Id session = started();
  const pid_t process = process_of(session);
  EXPECT_THAT(failure(step(session, {kExit})->get()), StartsWith("DATA_LOSS"));
  EXPECT_TRUE(is_gone(process));
  EXPECT_EQ(remaining_after_end(session), 0);
}

TEST_F(SandboxKillTest, WhatASandboxHasStartedGoesWithIt) {
  serve_isolated();
  const Session::Id session = started();
  const StepCall hanging = step(session, {kLeaveChild});
  poll_until([&] { return boost::filesystem::exists(path("child")); });
  const pid_t child = std::stoi(contents("child"));
  const pid_t process = getpgid(child) == child ? getsid(child) : -1;
  ASSERT_GT(process, 0) << "a group of its own, in the sandbox's session";
  kill(process, SIGKILL);
  EXPECT_THAT(failure(hanging->get()), StartsWith("DATA_LOSS"));
  poll_until([&] { return is_gone(child); });
}

}  // namespace
}  // namespace compiler_gym::testing
