// One session in a sandbox process, and how it survives the process.
#pragma once

#include <cstddef>
#include <memory>
#include <stop_token>
#include <string>
#include <vector>

#include "sessions/isolated/isolated_sessions.h"
#include "sessions/isolated/sandbox_channel.h"
#include "sessions/isolated/templates.h"
#include "sessions/session_executor.h"

namespace compiler_gym::isolated {

/// Sends each operation to the sandbox, and writes down what changed the session there.
///
/// Limit:    what runs in a sandbox, recovery included, waits for a permit of the RunLimit first;
///           forks don't, as they take no longer than the system call.
/// Recovery: when the sandbox is lost, whoever's request did it hears so, and the next request finds
///           a new sandbox: forked from the benchmark's template, with all that succeeded done
///           again. A sandbox that answers DATA_LOSS, the status of a compiler whose state is
///           broken, is replaced likewise. What a step did before it failed is kept, as in a
///           session that survives the failure; but if the compiler does not accept it as a step of
///           its own, it goes too. If the session can't be restored, every request is DATA_LOSS.
class IsolatedExecutor final : public SessionExecutor {
 public:
  IsolatedExecutor(IsolatedSessions& sessions, TemplateKey key,
                   std::shared_ptr<SandboxChannel> sandbox);

  void step(const StepRequest& request, StepReply& reply, std::stop_source stop,
            StatusHandler handler) override;
  void set_parameters(const SendSessionParameterRequest& request, SendSessionParameterReply& reply,
                      std::stop_source stop, StatusHandler handler) override;
  void fork(const ForkSessionRequest& request, std::stop_source stop,
            StartedHandler handler) override;
  void end(UniqueHandler<void()> handler) override;

 private:
  /// A request that changed the session, without what did not: one of the two.
  struct Change {
    std::unique_ptr<const StepRequest> step{};
    std::unique_ptr<const SendSessionParameterRequest> parameters{};
    bool accepted = false;  ///< the whole request succeeded
  };
  using History = std::vector<std::shared_ptr<const Change>>;

  void perform(SandboxOperation kind, const google::protobuf::MessageLite& message,
               std::stop_source stop, SandboxChannel::ReplyHandler handler);
  void perform_permitted(SandboxOperation kind, const google::protobuf::MessageLite& message,
                         std::stop_source stop, SandboxChannel::ReplyHandler handler,
                         bool again = false);
  void on_performed(SandboxReply& reply);
  void record(Change change);

  void with_sandbox(std::stop_source stop, StatusHandler handler);
  void restore(std::stop_source stop, StatusHandler handler);
  grpc::Status could_not_load(const grpc::Status& why);
  void restore_from(std::size_t next, std::stop_source stop, StatusHandler handler);
  void on_replayed(std::size_t index, SandboxReply reply, std::stop_source stop,
                   StatusHandler handler);
  void fork_sandbox(std::stop_source stop, StartedHandler handler, bool again);

  IsolatedSessions& sessions_;
  const TemplateKey key_;
  std::shared_ptr<SandboxChannel> sandbox_;  // none: to be restored
  History history_;
  grpc::Status broken_;
};

}  // namespace compiler_gym::isolated
