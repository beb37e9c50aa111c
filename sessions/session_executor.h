// Where one session's plug-in object lives, and who calls it.
#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <stop_token>

#include "core/support/status.h"
#include "core/unique_handler.h"
#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// In the service's own process, or in a sandbox process of the session's own.
enum class ExecutorKind { kInline, kIsolated };

/// A started session, in this process or in another. Each operation is what the RPC of its name
/// does to the session alone: ids, order and the service's own parameters are others' business.
///
/// Order:    one operation at a time; end() last.
/// Threads:  operations may come from any thread, and return without waiting. Handlers run on a
///           thread of the service's, never inside the call; but for what
///           CompilationSession::isCheap() and SessionServiceOptions::on_callers_thread let run there.
/// Lifetime: requests, replies and the executor itself must live until the operation completes. One
///           that is destroyed without end() releases the session all the same, but nobody hears
///           when it is gone.
/// Cancel:   by the stop source, between actions and between observations; where the session can be
///           killed, also in the middle of one.
class SessionExecutor {
 public:
  using StatusHandler = UniqueHandler<void(grpc::Status)>;
  using StartedHandler = UniqueHandler<void(Result<std::unique_ptr<SessionExecutor>>)>;

  SessionExecutor() = default;
  SessionExecutor(const SessionExecutor&) = delete;
  SessionExecutor& operator=(const SessionExecutor&) = delete;
  virtual ~SessionExecutor() = default;

  virtual void step(const StepRequest& request, StepReply& reply, std::stop_source stop,
                    StatusHandler handler) = 0;

  /// Offers the session the parameters that have no reply yet, in order, up to the first that it
  /// does not know, which is no error.
  virtual void set_parameters(const SendSessionParameterRequest& request,
                              SendSessionParameterReply& reply, std::stop_source stop,
                              StatusHandler handler) = 0;

  /// Hands over a session with this one's state.
  virtual void fork(const ForkSessionRequest& request, std::stop_source stop,
                    StartedHandler handler) = 0;

  /// Completes when the plug-in's object is gone.
  virtual void end(UniqueHandler<void()> handler) = 0;
};

}  // namespace compiler_gym
