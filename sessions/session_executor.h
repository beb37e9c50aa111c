// Where one session's plug-in object lives, and who calls it.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/asio/awaitable.hpp>
#include <memory>
#include <stop_token>

#include "core/support/status.h"
#include "core/unique_handler.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/session_turn.h"
#include "sessions/step_exchange.h"

namespace compiler_gym {

/// In the service's own process, or in a sandbox process of the session's own.
enum class ExecutorKind { kInline, kIsolated };

/// A started session, in this process or in another. Each operation is what the RPC of its name
/// does to the session alone: ids, order and the service's own parameters are others' business.
///
/// Order:    one operation at a time; end() last.
/// Threads:  operations may be awaited on any thread, and don't block it; but for what
///           CompilationSession::isCheap() and SessionServiceOptions::on_callers_thread let run there.
/// Executor: that of a ContinuationExecutor: a coroutine goes on where the operation ended.
/// Lifetime: requests, replies and the executor itself must live until the operation completes. One
///           that is destroyed without end() releases the session all the same, but nobody hears
///           when it is gone.
/// Cancel:   by the stop source, between actions and between observations; where the session can be
///           killed, also in the middle of one.
class SessionExecutor {
 public:
  template <typename T>
  using Operation = boost::asio::awaitable<T>;

  SessionExecutor() = default;
  SessionExecutor(const SessionExecutor&) = delete;
  SessionExecutor& operator=(const SessionExecutor&) = delete;
  virtual ~SessionExecutor() = default;

  [[nodiscard]] virtual Operation<grpc::Status> step(StepExchange& step, std::stop_source stop) = 0;

  /// step() by a plain call, where a coroutine would cost as much as the step. Returns whether it took
  /// the turn, which it then finishes, in this call or later.
  [[nodiscard]] virtual bool try_step(StepExchange& /*step*/, const std::stop_source& /*stop*/,
                                      SessionTurn& /*turn*/) {
    return false;
  }

  struct ParametersOutcome {
    grpc::Status status{};
    bool changed = false;  ///< there was more than queries, see CompilationSession::isQuery()
  };
  /// Offers the session the parameters that have no reply yet, in order, up to the first that it
  /// does not know, which is no error.
  [[nodiscard]] virtual Operation<ParametersOutcome> set_parameters(
      const SendSessionParameterRequest& request, SendSessionParameterReply& reply,
      std::stop_source stop) = 0;

  using ForkHandler = UniqueHandler<void(Result<std::unique_ptr<SessionExecutor>>)>;
  using EndHandler = UniqueHandler<void()>;

  /// fork() and end() by plain calls, as try_step(). Return whether they took the handler, which they
  /// then call, in this call or later.
  [[nodiscard]] virtual bool try_fork(const std::stop_source& /*stop*/, ForkHandler& /*handler*/) {
    return false;
  }
  [[nodiscard]] virtual bool try_end(EndHandler& /*handler*/) { return false; }

  /// Hands over a session with this one's state.
  [[nodiscard]] virtual Operation<Result<std::unique_ptr<SessionExecutor>>> fork(
      std::stop_source stop) = 0;

  /// Completes when the plug-in's object is gone, or nobody can reach it any more who could tell.
  [[nodiscard]] virtual Operation<void> end() = 0;
};

}  // namespace compiler_gym
