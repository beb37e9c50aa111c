// How a session goes on after its sandbox, and when it can't.
#include "tests/isolated/isolated_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;
using ::testing::StartsWith;

class RecoveryTest : public IsolatedTest {
 protected:
  /// Whatever is asked of it.
  void expect_to_be_lost(Session::Id session, const std::string& why) {
    const auto lost = StartsWith("DATA_LOSS: The session is lost: " + why);
    EXPECT_THAT(failure(step(session, {2})->get()), lost);
    EXPECT_THAT(failure(step(session, {})->get()), lost);
    EXPECT_THAT(failure(parameter(session, "echo", "x")->get()), lost);
    EXPECT_THAT(failure(fork(session)->get()), lost);
  }
};

TEST_F(RecoveryTest, WhatSucceededIsDoneAgainInItsOrder) {
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1, 2})->get()), "OK");
  EXPECT_EQ(failure(parameter(session, "push", "3")->get()), "OK");
  EXPECT_EQ(failure(step(session, {4, kBadAction, 5})->get()), "INVALID_ARGUMENT: Out-of-range");
  EXPECT_EQ(failure(step(session, {6, 1000, 7})->get()), "OK") << "1000 ends the episode";
  EXPECT_THAT(failure(step(session, {kExit})->get()), StartsWith("DATA_LOSS"));
  EXPECT_THAT(history(session), ElementsAre(1, 2, 3, 4, 6, 1000));
}

TEST_F(RecoveryTest, WhatWasOnlyAQuestionIsNotAskedAgain) {
  serve_isolated();
  const Session::Id session = started();
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(failure(parameter(session, "ask", "?")->get()), "OK");
  }
  EXPECT_EQ(failure(parameter(session, "push", "3")->get()), "OK");
  EXPECT_THAT(failure(step(session, {kExit})->get()), StartsWith("DATA_LOSS"));
  EXPECT_THAT(history(session), ElementsAre(3));
  EXPECT_EQ(contents("asked"), "\n\n\n");
}

TEST_F(RecoveryTest, AForkRemembersWhatItsParentDid) {
  serve_isolated();
  const Session::Id parent = started();
  EXPECT_EQ(failure(step(parent, {1})->get()), "OK");
  const Session::Id fork = forked(parent);
  EXPECT_EQ(failure(step(fork, {2})->get()), "OK");
  remaining_after_end(parent);
  EXPECT_THAT(failure(step(fork, {kExit})->get()), StartsWith("DATA_LOSS"));
  EXPECT_THAT(history(fork), ElementsAre(1, 2));
}

TEST_F(RecoveryTest, ALostSessionCanBeForked) {
  serve_isolated();
  const Session::Id session = started();
  EXPECT_THAT(failure(step(session, {1, kExit})->get()), StartsWith("DATA_LOSS"));
  EXPECT_THAT(history(forked(session)), ElementsAre(1));
}

TEST_F(RecoveryTest, ACompilerThatSaysItIsBrokenIsReplaced) {
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  EXPECT_EQ(failure(step(session, {2, kBreak, 3})->get()),
            "DATA_LOSS: the module is broken; 1 of 3 actions were applied before");
  EXPECT_THAT(history(session), ElementsAre(1, 2));
}

TEST_F(RecoveryTest, AStepThatTheCompilerDoesNotAcceptIsUndone) {
  serve_isolated();
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1})->get()), "OK");
  EXPECT_EQ(failure(step(session, {2, kCorrupt, 3})->get()),
            "DATA_LOSS: broken before; 2 of 3 actions were applied before");
  EXPECT_THAT(history(session), ElementsAre(1)) << "which of its actions did it, nobody knows";
  EXPECT_EQ(failure(step(session, {kCorrupt})->get()), "DATA_LOSS: the module breaks a rule");
  EXPECT_THAT(history(session), ElementsAre(1));
}

TEST_F(RecoveryTest, ASessionThatCannotBeRestoredIsLostForGood) {
  put("program", "");
  isolated::IsolationOptions options;
  options.max_templates = 1;
  serve_isolated(options);
  const Result<StartSessionReply> started_on_file = start_on("file");
  ASSERT_TRUE(started_on_file) << failure(started_on_file);
  const Session::Id session = started_on_file->session_id();
  const Session::Id other = started("benchmark://other");  // takes the one template's place
  put("program", "fail");
  EXPECT_THAT(failure(step(session, {kExit})->get()), StartsWith("DATA_LOSS"));
  EXPECT_EQ(
      failure(step(session, {1})->get()),
      "DATA_LOSS: The session is lost: its benchmark can't be loaded any more: no licence for "
      "this program");
  put("program", "");
  EXPECT_THAT(failure(fork(session)->get()), StartsWith("DATA_LOSS: The session is lost"));
  EXPECT_THAT(failure(parameter(session, "echo", "x")->get()),
              StartsWith("DATA_LOSS: The session is lost"));
  EXPECT_EQ(remaining_after_end(session), 1);
  EXPECT_THAT(history(other), IsEmpty());
}

TEST_F(RecoveryTest, WithoutRecoveryALostSessionIsLost) {
  isolated::IsolationOptions options;
  options.recover = false;
  serve_isolated(options);
  const Session::Id session = started();
  EXPECT_EQ(failure(step(session, {1, kBreak})->get()),
            "DATA_LOSS: the module is broken; 1 of 2 actions were applied before");
  expect_to_be_lost(session, "the module is broken");
  EXPECT_EQ(remaining_after_end(session), 0);
  const Session::Id second = started();
  EXPECT_THAT(failure(step(second, {1, kExit})->get()),
              StartsWith("DATA_LOSS: Session 1, action 2"));
  expect_to_be_lost(second, "its sandbox process ended with exit status 3");
  EXPECT_EQ(remaining_after_end(second), 0);
  EXPECT_EQ(failure(step(started(), {1})->get()), "OK");
}

TEST_F(RecoveryTest, WithoutRecoveryASessionWhoseProcessWasKilledMeanwhileIsLost) {
  isolated::IsolationOptions options;
  options.recover = false;
  serve_isolated(options);
  for (const bool fork_first : {true, false}) {
    const Session::Id session = started();
    EXPECT_EQ(failure(step(session, {1})->get()), "OK");
    kill(process_of(session), SIGKILL);
    const std::string first =
        fork_first ? failure(fork(session)->get()) : failure(step(session, {2})->get());
    EXPECT_THAT(first, StartsWith("DATA_LOSS"));
    expect_to_be_lost(session, "its sandbox process");
  }
}

}  // namespace
}  // namespace compiler_gym::testing
