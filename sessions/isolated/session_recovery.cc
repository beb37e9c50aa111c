#include "sessions/isolated/session_recovery.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/support/status.h"
#include "sessions/session_rules.h"

namespace compiler_gym::isolated {

RecoveryAction SessionRecovery::begin(bool cancelled) {
  retried_ = false;
  return proceed(cancelled);
}

RecoveryAction SessionRecovery::proceed(bool cancelled) const {
  if (!lost_.ok()) {
    return {.kind = RecoveryAction::Kind::kRefuse, .status = lost_};
  }
  if (cancelled) {
    return {.kind = RecoveryAction::Kind::kRefuse, .status = cancelled_before_its_turn()};
  }
  return {.kind = has_sandbox_ ? RecoveryAction::Kind::kAsk : RecoveryAction::Kind::kLoad};
}

RecoveryAction SessionRecovery::on_program_changed() {
  return lose("the program of its benchmark has changed");
}

RecoveryAction SessionRecovery::on_loaded(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::OK:
      has_sandbox_ = true;
      return replay_from(0);
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::UNAVAILABLE:
      return {.kind = RecoveryAction::Kind::kRefuse, .status = status};
    default:
      return lose("its benchmark can't be loaded any more: " + status.error_message());
  }
}

RecoveryAction SessionRecovery::replay_from(std::size_t next) {
  replayed_ = next;
  if (next == history_.size()) {
    return {.kind = RecoveryAction::Kind::kAsk};
  }
  return {.kind = RecoveryAction::Kind::kReplay, .change = history_[next]};
}

RecoveryAction SessionRecovery::on_replayed(const grpc::Status& status, bool cancelled) {
  if (status.ok()) {
    return replay_from(replayed_ + 1);
  }
  has_sandbox_ = false;
  if (cancelled) {
    return {.kind = RecoveryAction::Kind::kRefuse,
            .status = compiler_gym::cancelled("Cancelled while the session was being restored")};
  }
  if (!history_[replayed_]->accepted) {
    history_.erase(history_.begin() + static_cast<std::ptrdiff_t>(replayed_));
    return {.kind = RecoveryAction::Kind::kLoad};
  }
  return lose("it can't be restored, as what succeeded before fails now: " +
              status.error_message());
}

RecoveryAction SessionRecovery::on_answered(const SandboxReply& reply, bool cancelled) {
  if (reply.never_began && recover_ && !retried_) {
    retried_ = true;  // it died since the last request, of nothing that this one did
    has_sandbox_ = false;
    return proceed(cancelled);
  }
  const bool broken = reply.status.error_code() == grpc::StatusCode::DATA_LOSS;
  if (reply.sandbox_lost || broken) {
    has_sandbox_ = false;
    if (!recover_) {
      static_cast<void>(lose(reply.status.error_message()));
    }
  }
  return {.kind = RecoveryAction::Kind::kDone};
}

RecoveryAction SessionRecovery::on_forked(const grpc::Status& status, bool cancelled) {
  if (status.error_code() != grpc::StatusCode::DATA_LOSS) {
    return {.kind = RecoveryAction::Kind::kDone};
  }
  has_sandbox_ = false;
  if (!recover_) {
    return lose(status.error_message());
  }
  if (retried_) {
    return {.kind = RecoveryAction::Kind::kDone};
  }
  retried_ = true;
  return proceed(cancelled);
}

RecoveryAction SessionRecovery::lose(const std::string& why) {
  has_sandbox_ = false;
  lost_ = data_loss("The session is lost: " + why);
  return {.kind = RecoveryAction::Kind::kRefuse, .status = lost_};
}

namespace {

// Those of `all` that took effect.
template <typename Item>
google::protobuf::RepeatedPtrField<Item> first_of(
    const google::protobuf::RepeatedPtrField<Item>& all, std::uint32_t applied) {
  const int count = std::min(static_cast<int>(applied), all.size());
  return {all.begin(), all.begin() + count};
}

}  // namespace

void SessionRecovery::record(const StepRequest& step, const SandboxReply& reply) {
  if (recover_ && reply.changes > 0) {
    StepRequest done;
    *done.mutable_action() = first_of(step.action(), reply.applied);
    record(SandboxOperation::kStep, done, reply.status.ok());
  }
}

void SessionRecovery::record(const SendSessionParameterRequest& parameters,
                             const SandboxReply& reply) {
  if (recover_ && reply.changes > 0) {
    SendSessionParameterRequest done;
    *done.mutable_parameter() = first_of(parameters.parameter(), reply.applied);
    record(SandboxOperation::kParameters, done, reply.status.ok());
  }
}

void SessionRecovery::record(SandboxOperation operation,
                             const google::protobuf::MessageLite& request, bool accepted) {
  history_.push_back(std::make_shared<const SessionChange>(
      SessionChange{operation, request.SerializeAsString(), accepted}));
}

SessionRecovery SessionRecovery::forked() const {
  SessionRecovery fork(recover_);
  fork.history_ = history_;
  return fork;
}

}  // namespace compiler_gym::isolated
