// How an isolated session survives its sandbox process, and when it does not.
#pragma once

#include <google/protobuf/message_lite.h>
#include <grpcpp/support/status.h>

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "proto/compiler_gym_service.pb.h"
#include "sessions/isolated/frame.h"
#include "sessions/isolated/sandbox_reply.h"

namespace compiler_gym::isolated {

/// A request that changed the session, without what of it did not. As its bytes, a tenth of what it is
/// as a message: a long search has some hundred thousand of them.
struct SessionChange {
  SandboxOperation operation = SandboxOperation::kStep;  ///< or kParameters
  std::string request{};                                 ///< serialised
  bool accepted = false;                                 ///< the whole request succeeded
};

/// What is to be done next for a request.
struct RecoveryAction {
  enum class Kind {
    kAsk,     ///< put the request to the sandbox; then on_answered(), or on_forked()
    kLoad,    ///< get a new sandbox; then on_loaded(), or on_program_changed() instead
    kReplay,  ///< put `change` to the sandbox; then on_replayed()
    kRefuse,  ///< answer the request with `status`
    kDone,    ///< answer it as the sandbox did
  };
  Kind kind;
  std::shared_ptr<const SessionChange> change{};
  grpc::Status status{};
};

/// Writes down what changed a session, and decides what is to be done when its sandbox is lost. Takes
/// what happened and returns what to do next. No threads, no clock, no processes: IsolatedExecutor
/// performs what it decides.
///
/// Recovery: whoever's request lost the sandbox hears so; the next one finds none, and a new one is
///           loaded and told again all that changed the session. A sandbox that answers DATA_LOSS, the
///           status of a compiler whose state is broken, is replaced likewise. A request that found
///           its sandbox dead already is tried again, once.
/// Replay:   what a step did before it failed is kept, as in a session that survives the failure; but
///           if the compiler does not accept it as a step of its own, it goes too.
/// History:  what changed nothing is not kept: steps without actions, parameters that are queries. A step
///           is one to be replayed, however small: its hook at the end, and where an episode ended, are
///           part of what it did.
/// Lost:     for good, every request being DATA_LOSS, if what succeeded before fails now, the program
///           has changed, or the benchmark can't be loaded any more. What was for want of something is
///           tried again by the next request.
class SessionRecovery {
 public:
  /// Of a session that has a sandbox. Without `recover`, a session is lost with its sandbox, and when its
  /// compiler says that its state is broken.
  explicit SessionRecovery(bool recover) : recover_(recover) {}

  /// A request's turn has come. `cancelled`: its client has left.
  [[nodiscard]] RecoveryAction begin(bool cancelled);
  [[nodiscard]] RecoveryAction on_program_changed();
  [[nodiscard]] RecoveryAction on_loaded(const grpc::Status& status);
  [[nodiscard]] RecoveryAction on_replayed(const grpc::Status& status, bool cancelled);
  [[nodiscard]] RecoveryAction on_answered(const SandboxReply& reply, bool cancelled);
  /// DATA_LOSS: the sandbox had died.
  [[nodiscard]] RecoveryAction on_forked(const grpc::Status& status, bool cancelled);

  /// If not, the one there was is of no use any more.
  [[nodiscard]] bool has_sandbox() const { return has_sandbox_; }

  /// What a step, or parameters, that were offered came to.
  void record(const StepRequest& step, const SandboxReply& reply);
  void record(const SendSessionParameterRequest& parameters, const SandboxReply& reply);
  /// Requests that would be replayed.
  [[nodiscard]] std::size_t history_size() const { return history_.size(); }

  /// Of a session with this one's state, in a sandbox of its own.
  [[nodiscard]] SessionRecovery forked() const;

 private:
  void record(SandboxOperation operation, const google::protobuf::MessageLite& request,
              bool accepted);
  [[nodiscard]] RecoveryAction proceed(bool cancelled) const;
  [[nodiscard]] RecoveryAction replay_from(std::size_t next);
  [[nodiscard]] RecoveryAction lose(const std::string& why);

  const bool recover_;
  std::vector<std::shared_ptr<const SessionChange>> history_;  // shared with forks
  std::size_t replayed_ = 0;  // of the history, in the present sandbox, while it is restored
  bool has_sandbox_ = true;
  bool retried_ = false;  // the present request
  grpc::Status lost_;     // for good, if not OK
};

}  // namespace compiler_gym::isolated
