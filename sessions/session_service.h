// What each RPC does, without a transport: the operations of CompilerGymService on the sessions of
// one process.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstddef>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>

#include "context/context_host.h"
#include "core/calling_thread_executor.h"
#include "core/continuation_executor.h"
#include "core/gate.h"
#include "core/support/clock.h"
#include "core/support/status.h"
#include "core/unique_handler.h"
#include "core/worker_pool.h"
#include "sessions/client_id.h"
#include "sessions/compilation_session.h"
#include "sessions/service_spaces.h"
#include "sessions/session_executor_factory.h"
#include "sessions/session_table.h"

namespace compiler_gym {

namespace graph {
class GraphSessions;
}
namespace internal {
class InlineSessions;
}

struct SessionServiceOptions {
  /// Sessions open or starting; RESOURCE_EXHAUSTED beyond.
  std::size_t max_sessions = 16'384;
  /// Requests waiting for their turn in one session; RESOURCE_EXHAUSTED beyond.
  std::size_t max_queued_steps = 64;
  /// Where sessions run that have not asked otherwise.
  ExecutorKind executor = ExecutorKind::kInline;
  /// Bytes of one reply; RESOURCE_EXHAUSTED beyond, and the session lives on. Of isolated sessions, what
  /// ZygoteOptions say.
  std::size_t max_reply_bytes = std::size_t{512} << 20;
  /// Bytes, about, that the compilers of sessions may take which the state graph knows: beyond it those used longest ago
  /// end, and their sessions get another one when they need it.
  std::uint64_t max_executor_bytes = std::uint64_t{25} << 29;
  /// Which executors clients may choose by the parameter `service.executor`.
  bool allow_inline = true;
  bool allow_isolated = true;
  /// For one request of an inline session, which is asked to stop then. 0: as long as it takes.
  std::chrono::milliseconds request_timeout{300'000};
  /// Requests to a session that lives in this process and is idle run on the thread that hands them
  /// in, and have completed when the call returns. For embedding; a thread that serves many clients
  /// must not be held up by one session.
  bool on_callers_thread = false;
  /// What, besides the Benchmark itself, its program depends on: of a program in a file, what tells
  /// that the file has changed. May block. None: the Benchmark is all there is.
  std::function<std::string(const Benchmark&)> program_stamp{};
};

/// Requests to one session run in the order they came, one at a time; different sessions run in
/// parallel.
/// Threads:  every member may be called from any thread, load_spaces() before the others.
/// Lifetime: must outlive what it has been asked to do; async_end_all() must have completed before
///           it is destroyed, if a session was ever started. Requests, replies and stop sources
///           must live until the operation completes.
/// Executor: a handler without one of its own runs where the operation ended, mostly on a worker
///           thread; that can be inside the initiating call. What it throws is logged.
/// Cancel:   by the stop source, between actions and between observations, or before the request's
///           turn: CANCELLED.
class SessionService {
 public:
  /// Without `isolated`, every session runs inline.
  SessionService(SessionFactory factory, ContextHost& context_host, WorkerPool& workers,
                 SessionServiceOptions options,
                 std::unique_ptr<SessionExecutorFactory> isolated = nullptr);
  SessionService(const SessionService&) = delete;
  SessionService& operator=(const SessionService&) = delete;
  ~SessionService();

  /// Asks the plug-in for its spaces, and what of its results can be remembered. Blocks; once, when the context is initialised and before
  /// anything else.
  [[nodiscard]] grpc::Status load_spaces();
  [[nodiscard]] const ServiceSpaces& spaces() const { return spaces_; }

  /// Copies nothing: the benchmarks are moved out of the request. Blocks for as long as freeing
  /// evicted ones takes.
  void add_benchmarks(AddBenchmarkRequest& request);

  // Signature of all: void(grpc::Status).

  /// Blocks the caller's thread for as long as the plug-in takes to initialise a session that lives
  /// in this process. The request's program is moved out of it. A failure leaves no session.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_start_session(StartSessionRequest& request, StartSessionReply& reply,
                           std::stop_source stop, Token&& token) {
    return async_start_session(request, reply, ClientId(), std::move(stop),
                               std::forward<Token>(token));
  }

  /// The same for a service of many clients: the session and its forks are `client`'s.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_start_session(StartSessionRequest& request, StartSessionReply& reply, ClientId client,
                           std::stop_source stop, Token&& token) {
    return initiate(std::forward<Token>(token), [this, &request, &reply, client,
                                                 stop = std::move(stop)](StatusHandler handler) {
      start_session(request, reply, client, stop, std::move(handler));
    });
  }

  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_step(const StepRequest& request, StepReply& reply, std::stop_source stop,
                  Token&& token) {
    return initiate(std::forward<Token>(token),
                    [this, &request, &reply, stop = std::move(stop)](StatusHandler handler) {
                      step(request, reply, stop, std::move(handler));
                    });
  }

  /// The same for who can use the reply's bytes.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_step(StepExchange& exchange, std::stop_source stop, Token&& token) {
    return initiate(std::forward<Token>(token),
                    [this, &exchange, stop = std::move(stop)](StatusHandler handler) {
                      step(exchange, stop, std::move(handler));
                    });
  }

  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_fork_session(const ForkSessionRequest& request, ForkSessionReply& reply,
                          std::stop_source stop, Token&& token) {
    return initiate(std::forward<Token>(token),
                    [this, &request, &reply, stop = std::move(stop)](StatusHandler handler) {
                      fork_session(request, reply, stop, std::move(handler));
                    });
  }

  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_send_session_parameter(const SendSessionParameterRequest& request,
                                    SendSessionParameterReply& reply, std::stop_source stop,
                                    Token&& token) {
    return initiate(std::forward<Token>(token),
                    [this, &request, &reply, stop = std::move(stop)](StatusHandler handler) {
                      send_session_parameter(request, reply, stop, std::move(handler));
                    });
  }

  /// Completes when the session is destroyed, or at once if it is in the middle of a step, which is
  /// asked to stop. OK also for a session that does not exist. Cannot be cancelled.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_end_session(const EndSessionRequest& request, EndSessionReply& reply, Token&& token) {
    return initiate(std::forward<Token>(token), [this, &request, &reply](StatusHandler handler) {
      end_session(request, reply, std::move(handler));
    });
  }

  /// As async_end_session(), when it is this request's turn in the session: what came before it is
  /// done first, and what comes after it finds no session.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_end_session_in_turn(const EndSessionRequest& request, EndSessionReply& reply,
                                 Token&& token) {
    return initiate(std::forward<Token>(token), [this, &request, &reply](StatusHandler handler) {
      end_session_in_turn(request, reply, std::move(handler));
    });
  }

  /// Drops every request that waits for its turn in a session, and those that come later, with
  /// UNAVAILABLE; what runs, runs on.
  void drop_waiting();

  /// Ends every session, lets no more start, and completes when the last one is destroyed and no
  /// sandbox process is left. Signature: void().
  template <boost::asio::completion_token_for<void()> Token>
  auto async_end_all(Token&& token) {
    return boost::asio::async_initiate<Token, void()>(
        [this](auto handler) { end_all(UniqueHandler<void()>(std::move(handler), here_)); }, token);
  }

  /// Ends sessions not used for `ttl`. Returns how many.
  std::size_t end_idle_sessions(Clock::duration ttl);

  [[nodiscard]] std::size_t session_count() const { return sessions_.size(); }

 private:
  using StatusHandler = UniqueHandler<void(grpc::Status)>;

  using Operation = boost::asio::awaitable<grpc::Status>;

  template <typename Token, typename Start>
  auto initiate(Token&& token, Start start) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler, Start run) { run(StatusHandler(std::move(handler), here_)); }, token,
        std::move(start));
  }

  /// What a session needs besides its executor to be opened.
  struct StartingSession {
    SessionOrigin origin;
    SessionTable::Reservation reservation;
    Gate::Pass alive;
  };

  void start_session(StartSessionRequest& request, StartSessionReply& reply, ClientId client,
                     std::stop_source stop, StatusHandler handler);
  grpc::Status start_inline_session(StartSessionRequest& request, StartSessionReply& reply,
                                    ClientId client, const std::stop_source& stop);
  Operation start_isolated_session(StartSessionRequest& request, StartSessionReply& reply,
                                   ClientId client, std::stop_source stop);
  void step(const StepRequest& request, StepReply& reply, std::stop_source stop,
            StatusHandler handler);
  void step(StepExchange& exchange, std::stop_source stop, StatusHandler handler);
  void fork_session(const ForkSessionRequest& request, ForkSessionReply& reply,
                    std::stop_source stop, StatusHandler handler);
  void send_session_parameter(const SendSessionParameterRequest& request,
                              SendSessionParameterReply& reply, std::stop_source stop,
                              StatusHandler handler);
  void end_session(const EndSessionRequest& request, EndSessionReply& reply, StatusHandler handler);
  void end_session_in_turn(const EndSessionRequest& request, EndSessionReply& reply,
                           StatusHandler handler);
  void end_all(UniqueHandler<void()> handler);

  // What a task does in its session's turn.
  struct StepWithMessages;
  void step_in_turn(Session& session, StepExchange& exchange, const std::stop_source& stop,
                    SessionTurn& turn);
  void fork_in_turn(Session& parent, ForkSessionReply& reply, const std::stop_source& stop,
                    SessionTurn& turn);
  Operation set_parameters(Session& session, const SendSessionParameterRequest& request,
                           SendSessionParameterReply& reply, std::stop_source stop);
  boost::asio::awaitable<Result<std::string>> set_service_parameter(
      Session& session, const SessionParameter& parameter, std::stop_source stop);
  Operation set_executor(Session& session, const std::string& value, std::stop_source stop);
  Operation restart_on(ExecutorKind kind, Session& session, std::stop_source stop);
  Operation end_in_turn(Session& session, EndSessionReply& reply);

  template <template <typename> typename Task, typename Run>
  void submit(Session::Id id, std::stop_source stop, StatusHandler handler, Run run);
  void spawn(Operation operation, StatusHandler handler);
  void spawn(Operation operation, SessionTurn& turn);
  boost::asio::awaitable<void> end_sessions();

  boost::asio::awaitable<Result<std::unique_ptr<SessionExecutor>>> start_executor(
      const SessionOrigin& origin, const StartSessionRequest& request, StartSessionReply& reply,
      std::stop_source stop);
  boost::asio::awaitable<Result<std::unique_ptr<SessionExecutor>>> start_new_executor(
      const SessionOrigin& origin, const StartSessionRequest& request, StartSessionReply& reply,
      std::stop_source stop);
  boost::asio::awaitable<Result<std::unique_ptr<SessionExecutor>>> start_bare_executor(
      SessionOrigin origin, std::stop_source stop);
  void remember_results(Determinism determinism);
  Result<StartingSession> prepare_start(SessionOrigin origin);
  Result<StartingSession> prepare_start_of(StartSessionRequest& request, ClientId client);
  template <typename Reply>
  grpc::Status open(StartingSession& starting, Result<std::unique_ptr<SessionExecutor>> executor,
                    const std::stop_source& stop, Reply& reply);

  ContextHost& context_host_;
  WorkerPool& workers_;
  const SessionServiceOptions options_;
  const CallingThreadExecutor here_;
  const boost::asio::any_io_executor worker_executor_;
  const ContinuationExecutor coroutines_;
  ServiceSpaces spaces_;
  const std::unique_ptr<const internal::InlineSessions> inline_sessions_;
  const std::unique_ptr<SessionExecutorFactory> isolated_sessions_;
  std::unique_ptr<graph::GraphSessions> graph_sessions_;  // null: nothing is remembered
  Gate alive_;                                            // the executors of sessions
  SessionTable sessions_;
};

}  // namespace compiler_gym
