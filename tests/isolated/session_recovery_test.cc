// What becomes of a session whose sandbox is lost, without a sandbox.
#include "sessions/isolated/session_recovery.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym::isolated {
namespace {

/// A step of one action that took effect, whatever the step came to.
void record(SessionRecovery& recovery, std::int64_t action,
            const grpc::Status& status = grpc::Status::OK) {
  StepRequest step;
  step.add_action()->set_int64_value(action);
  recovery.record(step, {.status = status, .applied = 1, .changes = 1});
}

std::string first_action_of(const SessionChange& change) {
  StepRequest step;
  EXPECT_EQ(change.operation, SandboxOperation::kStep);
  EXPECT_TRUE(step.ParseFromString(change.request));
  return std::to_string(step.action(0).int64_value());
}

/// An action in a word: `ask`, `load`, `replay 3`, `refuse NOT_FOUND: ...`, `done`.
std::string word(const RecoveryAction& action) {
  switch (action.kind) {
    case RecoveryAction::Kind::kAsk:
      return "ask";
    case RecoveryAction::Kind::kLoad:
      return "load";
    case RecoveryAction::Kind::kReplay:
      return "replay " + first_action_of(*action.change);
    case RecoveryAction::Kind::kRefuse:
      return "refuse " + to_string(action.status);
    case RecoveryAction::Kind::kDone:
      return "done";
  }
  return "?";
}

const SandboxReply kAnswered{};
const SandboxReply kDied{.status = data_loss("it crashed"), .sandbox_lost = true};
const SandboxReply kWasDead{
    .status = data_loss("it has ended"), .sandbox_lost = true, .never_began = true};

class SessionRecoveryTest : public ::testing::Test {
 protected:
  /// Each returns the next action in a word.
  std::string begin(bool cancelled = false) { return word(recovery_.begin(cancelled)); }
  std::string loaded(const grpc::Status& status = grpc::Status::OK) {
    return word(recovery_.on_loaded(status));
  }
  std::string replayed(const grpc::Status& status = grpc::Status::OK, bool cancelled = false) {
    return word(recovery_.on_replayed(status, cancelled));
  }
  std::string answered(const SandboxReply& reply, bool cancelled = false) {
    return word(recovery_.on_answered(reply, cancelled));
  }
  std::string forked(const grpc::Status& status, bool cancelled = false) {
    return word(recovery_.on_forked(status, cancelled));
  }

  SessionRecovery recovery_{true};
};

TEST_F(SessionRecoveryTest, ASessionWithASandboxIsAsked) {
  EXPECT_EQ(begin(), "ask");
  EXPECT_EQ(answered(kAnswered), "done");
  EXPECT_TRUE(recovery_.has_sandbox());
}

TEST_F(SessionRecoveryTest, WhoseClientHasLeftIsNotAsked) {
  EXPECT_EQ(begin(true), "refuse CANCELLED: Cancelled while waiting for its turn");
}

TEST_F(SessionRecoveryTest, WhoLosesItHearsSoAndTheNextOneDoesAgainWhatChangedTheSession) {
  record(recovery_, 1);
  record(recovery_, 2);
  EXPECT_EQ(begin(), "ask");
  EXPECT_EQ(answered(kDied), "done");
  EXPECT_FALSE(recovery_.has_sandbox());
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(), "replay 1");
  EXPECT_TRUE(recovery_.has_sandbox());
  EXPECT_EQ(replayed(), "replay 2");
  EXPECT_EQ(replayed(), "ask");
  EXPECT_EQ(answered(kAnswered), "done");
  EXPECT_EQ(begin(), "ask");
}

TEST_F(SessionRecoveryTest, ACompilerThatSaysItIsBrokenIsReplaced) {
  EXPECT_EQ(begin(), "ask");
  EXPECT_EQ(answered({.status = data_loss("inconsistent")}), "done");
  EXPECT_FALSE(recovery_.has_sandbox());
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(), "ask");
}

TEST_F(SessionRecoveryTest, AnyOtherFailureLeavesTheSandbox) {
  EXPECT_EQ(begin(), "ask");
  EXPECT_EQ(answered({.status = invalid_argument("no such action")}), "done");
  EXPECT_TRUE(recovery_.has_sandbox());
}

TEST_F(SessionRecoveryTest, ARequestThatFoundItDeadIsTriedAgainOnce) {
  EXPECT_EQ(begin(), "ask");
  EXPECT_EQ(answered(kWasDead), "load");
  EXPECT_FALSE(recovery_.has_sandbox());
  EXPECT_EQ(loaded(), "ask");
  EXPECT_EQ(answered(kWasDead), "done") << "twice is no accident";
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(), "ask");
  EXPECT_EQ(answered(kWasDead), "load") << "each request has its own try";
}

TEST_F(SessionRecoveryTest, AClientThatLeftMeanwhileIsNotTriedAgain) {
  EXPECT_EQ(begin(), "ask");
  EXPECT_EQ(answered(kWasDead, true), "refuse CANCELLED: Cancelled while waiting for its turn");
  EXPECT_EQ(begin(), "load");
}

TEST_F(SessionRecoveryTest, WhatTheCompilerDidNotAcceptAsAStepIsLeftOut) {
  record(recovery_, 1);
  record(recovery_, 2, invalid_argument("later in the step"));
  record(recovery_, 3);
  EXPECT_EQ(answered(kDied), "done");
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(), "replay 1");
  EXPECT_EQ(replayed(), "replay 2");
  EXPECT_EQ(replayed(invalid_argument("not by itself")), "load");
  EXPECT_FALSE(recovery_.has_sandbox()) << "what it did to this one is not known";
  EXPECT_EQ(loaded(), "replay 1");
  EXPECT_EQ(replayed(), "replay 3");
  EXPECT_EQ(replayed(), "ask");
}

TEST_F(SessionRecoveryTest, IsLostForGoodIfWhatSucceededBeforeFailsNow) {
  const std::string lost =
      "refuse DATA_LOSS: The session is lost: it can't be restored, as what succeeded before fails "
      "now: other luck";
  record(recovery_, 1);
  EXPECT_EQ(answered(kDied), "done");
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(), "replay 1");
  EXPECT_EQ(replayed(internal_error("other luck")), lost);
  EXPECT_FALSE(recovery_.has_sandbox());
  EXPECT_EQ(begin(), lost);
  EXPECT_EQ(begin(true), lost);
}

TEST_F(SessionRecoveryTest, AReplayThatWasCancelledIsTriedAgainByTheNextRequest) {
  record(recovery_, 1);
  EXPECT_EQ(answered(kDied), "done");
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(), "replay 1");
  EXPECT_EQ(replayed(cancelled("by the client"), true),
            "refuse CANCELLED: Cancelled while the session was being restored");
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(), "replay 1");
}

TEST_F(SessionRecoveryTest, WantOfSomethingIsNotForGood) {
  EXPECT_EQ(answered(kDied), "done");
  for (const grpc::Status& want : {cancelled("left"), deadline_exceeded("slow"),
                                   resource_exhausted("full"), unavailable("ending")}) {
    EXPECT_EQ(begin(), "load");
    EXPECT_EQ(loaded(want), "refuse " + to_string(want));
  }
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(), "ask");
}

TEST_F(SessionRecoveryTest, IsLostForGoodIfItsBenchmarkCannotBeLoadedAnyMore) {
  const std::string lost =
      "refuse DATA_LOSS: The session is lost: its benchmark can't be loaded any more: no file";
  EXPECT_EQ(answered(kDied), "done");
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(loaded(not_found("no file")), lost);
  EXPECT_EQ(begin(), lost);
}

TEST_F(SessionRecoveryTest, IsLostForGoodIfItsProgramHasChanged) {
  const std::string lost =
      "refuse DATA_LOSS: The session is lost: the program of its benchmark has changed";
  EXPECT_EQ(answered(kDied), "done");
  EXPECT_EQ(begin(), "load");
  EXPECT_EQ(word(recovery_.on_program_changed()), lost);
  EXPECT_EQ(begin(), lost);
}

TEST_F(SessionRecoveryTest, AForkThatFindsItDeadIsTriedAgainOnce) {
  record(recovery_, 1);
  EXPECT_EQ(begin(), "ask");
  EXPECT_EQ(forked(data_loss("it has ended")), "load");
  EXPECT_EQ(loaded(), "replay 1");
  EXPECT_EQ(replayed(), "ask");
  EXPECT_EQ(forked(data_loss("it has ended")), "done");
  EXPECT_EQ(begin(), "load");
}

TEST_F(SessionRecoveryTest, AForkThatFailsOtherwiseLeavesTheSandbox) {
  EXPECT_EQ(begin(), "ask");
  EXPECT_EQ(forked(resource_exhausted("full")), "done");
  EXPECT_TRUE(recovery_.has_sandbox());
}

TEST_F(SessionRecoveryTest, AForkRemembersWhatItsParentDidAndNotWhatItDoesLater) {
  record(recovery_, 1);
  SessionRecovery fork = recovery_.forked();
  record(recovery_, 2);
  record(fork, 3);
  EXPECT_EQ(word(fork.on_answered(kDied, false)), "done");
  EXPECT_TRUE(recovery_.has_sandbox()) << "each has its own";
  EXPECT_EQ(word(fork.begin(false)), "load");
  EXPECT_EQ(word(fork.on_loaded(grpc::Status::OK)), "replay 1");
  EXPECT_EQ(word(fork.on_replayed(grpc::Status::OK, false)), "replay 3");
}

TEST_F(SessionRecoveryTest, WhatChangesNothingIsNotKept) {
  SendSessionParameterRequest query;
  query.add_parameter()->set_key("get");
  for (int i = 0; i < 200'000; ++i) {
    recovery_.record(query, {.applied = 1});
  }
  recovery_.record(StepRequest(), {});
  EXPECT_EQ(recovery_.history_size(), 0U);
  recovery_.record(query, {.applied = 1, .changes = 1});
  EXPECT_EQ(recovery_.history_size(), 1U) << "it says that it was no query";
}

TEST_F(SessionRecoveryTest, OfWhatFailedHalfWayThatIsDoneAgainWhichTookEffect) {
  StepRequest step;
  for (const std::int64_t action : {1, 2, 3}) {
    step.add_action()->set_int64_value(action);
  }
  step.add_observation_space(0);
  recovery_.record(step, {.status = invalid_argument("3"), .applied = 2, .changes = 2});
  EXPECT_EQ(answered(kDied), "done");
  EXPECT_EQ(begin(), "load");
  const RecoveryAction replay = recovery_.on_loaded(grpc::Status::OK);
  ASSERT_EQ(replay.kind, RecoveryAction::Kind::kReplay);
  StepRequest replayed_step;
  ASSERT_TRUE(replayed_step.ParseFromString(replay.change->request));
  EXPECT_EQ(replayed_step.action_size(), 2);
  EXPECT_EQ(replayed_step.observation_space_size(), 0);
}

// ----------------------------------------------------------------------------- without recovery

class WithoutRecoveryTest : public SessionRecoveryTest {
 protected:
  WithoutRecoveryTest() : without_(false) {}
  SessionRecovery without_;
};

TEST_F(WithoutRecoveryTest, ALostSandboxIsALostSession) {
  EXPECT_EQ(word(without_.begin(false)), "ask");
  EXPECT_EQ(word(without_.on_answered(kWasDead, false)), "done") << "it is not tried again";
  EXPECT_EQ(word(without_.begin(false)), "refuse DATA_LOSS: The session is lost: it has ended");
}

TEST_F(WithoutRecoveryTest, ACompilerThatSaysItIsBrokenIsALostSession) {
  EXPECT_EQ(word(without_.on_answered({.status = data_loss("inconsistent")}, false)), "done");
  EXPECT_FALSE(without_.has_sandbox()) << "else a fork could be made of it";
  EXPECT_EQ(word(without_.begin(false)), "refuse DATA_LOSS: The session is lost: inconsistent");
}

// A fork used to go on from the benchmark, as if the session had never done anything.
TEST_F(WithoutRecoveryTest, AForkThatFindsTheSandboxDeadLosesTheSession) {
  const std::string lost = "refuse DATA_LOSS: The session is lost: it has ended";
  record(without_, 1);
  EXPECT_EQ(word(without_.begin(false)), "ask");
  EXPECT_EQ(word(without_.on_forked(data_loss("it has ended"), false)), lost);
  EXPECT_EQ(word(without_.begin(false)), lost);
}

}  // namespace
}  // namespace compiler_gym::isolated
