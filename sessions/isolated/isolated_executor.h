// One session in a sandbox process, and how it survives the process.
#pragma once

#include <google/protobuf/message_lite.h>

#include <memory>
#include <stop_token>

#include "sessions/isolated/isolated_sessions.h"
#include "sessions/isolated/sandbox_channel.h"
#include "sessions/isolated/session_recovery.h"
#include "sessions/isolated/templates.h"
#include "sessions/session_executor.h"

namespace compiler_gym::isolated {

/// Puts each operation to the sandbox, writes down what changed the session there, and brings it back
/// in a new sandbox when SessionRecovery says so.
///
/// End:   answered as soon as the sandbox is somebody else's, where it can be recycled: what has to be done to it
///        first, nobody waits for.
/// Limit: what runs in a sandbox, recovery included, waits for a permit of the RunLimit first.
class IsolatedExecutor final : public SessionExecutor {
 public:
  /// The session is a fresh one of that key, unless `recovery` knows better, and the client's.
  IsolatedExecutor(IsolatedSessions& sessions, ClientId client, TemplateKey key,
                   std::shared_ptr<SandboxChannel> sandbox);
  IsolatedExecutor(IsolatedSessions& sessions, ClientId client, TemplateKey key,
                   std::shared_ptr<SandboxChannel> sandbox, SessionRecovery recovery);

  [[nodiscard]] Operation<grpc::Status> step(StepExchange& step, std::stop_source stop) override;
  [[nodiscard]] Operation<ParametersOutcome> set_parameters(
      const SendSessionParameterRequest& request, SendSessionParameterReply& reply,
      std::stop_source stop) override;
  [[nodiscard]] Operation<Result<std::unique_ptr<SessionExecutor>>> fork(
      std::stop_source stop) override;
  [[nodiscard]] Operation<void> end() override;
  [[nodiscard]] bool try_end(EndHandler& handler) override;

 private:
  Operation<SandboxReply> perform(SandboxOperation operation, SandboxMessage message,
                                  std::stop_source stop);
  // The permit is the operation's; while a sandbox is loaded it is given back.
  Operation<RecoveryAction> restore(RecoveryAction next, RunLimit::Permit& permit,
                                    std::stop_source stop);
  Operation<RecoveryAction> load(RunLimit::Permit& permit, std::stop_source stop);
  Operation<RecoveryAction> replay(std::shared_ptr<const SessionChange> change,
                                   std::stop_source stop);
  void drop_lost_sandbox();
  // Whether the sandbox has been given away, for the next session.
  [[nodiscard]] bool recycle();

  IsolatedSessions& sessions_;
  const ClientId client_;
  const TemplateKey key_;
  std::shared_ptr<SandboxChannel> sandbox_;  // none: to be restored
  SessionRecovery recovery_;
};

}  // namespace compiler_gym::isolated
