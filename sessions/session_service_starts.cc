// How sessions come into being: by StartSession and by ForkSession.
#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <exception>
#include <utility>

#include "sessions/graph/graph_sessions.h"
#include "sessions/internal/inline_executor.h"
#include "sessions/internal/operation_status.h"
#include "sessions/session_rules.h"
#include "sessions/session_service.h"

namespace compiler_gym {

using boost::asio::awaitable;

// Inline without a coroutine, which would cost as much as the start of a small session.
void SessionService::start_session(StartSessionRequest& request, StartSessionReply& reply,
                                   ClientId client, std::stop_source stop, StatusHandler handler) {
  if (options_.executor == ExecutorKind::kIsolated) {
    spawn(start_isolated_session(request, reply, client, std::move(stop)), std::move(handler));
    return;
  }
  grpc::Status outcome;
  try {
    outcome = start_inline_session(request, reply, client, stop);
  } catch (...) {
    outcome = status_from_current_exception();
  }
  handler(std::move(outcome));
}

grpc::Status SessionService::start_inline_session(StartSessionRequest& request,
                                                  StartSessionReply& reply, ClientId client,
                                                  const std::stop_source& stop) {
  Result<StartingSession> starting = prepare_start_of(request, client);
  if (!starting) {
    return starting.error();
  }
  const std::shared_ptr<const Benchmark>& benchmark = starting->origin.benchmark;
  if (graph_sessions_ == nullptr) {
    return open(*starting, inline_sessions_->start(request, benchmark, reply, stop.get_token()),
                stop, reply);
  }
  graph::SessionStart start = graph_sessions_->start_of(starting->origin);
  std::unique_ptr<SessionExecutor> known = graph_sessions_->try_start(start, request, reply);
  if (known != nullptr) {
    return open(*starting, std::move(known), stop, reply);
  }
  Result<std::unique_ptr<SessionExecutor>> executor =
      inline_sessions_->start(request, benchmark, reply, stop.get_token());
  if (executor) {
    executor = graph_sessions_->adopt(std::move(start), request, reply, *std::move(executor));
  }
  return open(*starting, std::move(executor), stop, reply);
}

SessionService::Operation SessionService::start_isolated_session(StartSessionRequest& request,
                                                                 StartSessionReply& reply,
                                                                 ClientId client,
                                                                 std::stop_source stop) {
  Result<StartingSession> starting = prepare_start_of(request, client);
  if (!starting) {
    co_return starting.error();
  }
  Result<std::unique_ptr<SessionExecutor>> executor =
      co_await start_executor(starting->origin, request, reply, stop);
  co_return open(*starting, std::move(executor), stop, reply);
}

Result<SessionService::StartingSession> SessionService::prepare_start_of(
    StartSessionRequest& request, ClientId client) {
  Result<std::shared_ptr<const Benchmark>> benchmark =
      find_benchmark(request, context_host_.benchmarks());
  if (!benchmark) {
    return benchmark.error();
  }
  return prepare_start({.benchmark = *std::move(benchmark),
                        .action_space = request.action_space(),
                        .executor = options_.executor,
                        .client = client});
}

void SessionService::remember_results(Determinism determinism) {
  StateGraph& graph = context_host_.state_graph();
  if (!determinism.actions || !graph.enabled()) {
    return;
  }
  graph_sessions_ = std::make_unique<graph::GraphSessions>(graph::GraphSessionsParts{
      .graph = graph,
      .spaces = spaces_,
      .determinism = std::move(determinism),
      .program_stamp = options_.program_stamp,
      .start =
          [this](SessionOrigin origin, std::stop_source stop) {
            return start_bare_executor(std::move(origin), std::move(stop));
          },
      .max_reply_bytes = options_.max_reply_bytes,
      .max_executor_bytes = options_.max_executor_bytes,
      .workers = workers_,
  });
}

awaitable<Result<std::unique_ptr<SessionExecutor>>> SessionService::start_bare_executor(
    SessionOrigin origin, std::stop_source stop) {
  StartSessionRequest request;
  request.set_action_space(origin.action_space);
  StartSessionReply reply;
  co_return co_await start_new_executor(origin, request, reply, std::move(stop));
}

awaitable<Result<std::unique_ptr<SessionExecutor>>> SessionService::start_executor(
    const SessionOrigin& origin, const StartSessionRequest& request, StartSessionReply& reply,
    std::stop_source stop) {
  if (graph_sessions_ == nullptr) {
    co_return co_await start_new_executor(origin, request, reply, std::move(stop));
  }
  graph::SessionStart start = graph_sessions_->start_of(origin);
  std::unique_ptr<SessionExecutor> known = graph_sessions_->try_start(start, request, reply);
  if (known != nullptr) {
    co_return known;
  }
  co_await graph_sessions_->make_room();
  Result<std::unique_ptr<SessionExecutor>> started =
      co_await start_new_executor(origin, request, reply, std::move(stop));
  if (!started) {
    co_return started.error();
  }
  co_return graph_sessions_->adopt(std::move(start), request, reply, *std::move(started));
}

awaitable<Result<std::unique_ptr<SessionExecutor>>> SessionService::start_new_executor(
    const SessionOrigin& origin, const StartSessionRequest& request, StartSessionReply& reply,
    std::stop_source stop) {
  if (origin.executor == ExecutorKind::kInline) {
    co_return inline_sessions_->start(request, origin.benchmark, reply, stop.get_token());
  }
  if (const grpc::Status status = check_indices(spaces_, request); !status.ok()) {
    co_return status;
  }
  co_return co_await isolated_sessions_->start(request, origin.benchmark, reply, origin.client,
                                               std::move(stop));
}

void SessionService::fork_in_turn(Session& parent, ForkSessionReply& reply,
                                  const std::stop_source& stop, SessionTurn& turn) {
  Result<StartingSession> starting = prepare_start(parent.origin());
  if (!starting) {
    turn.finish(starting.error());
    return;
  }
  auto open_fork = [this, &reply, stop, starting = *std::move(starting), turn = std::move(turn)](
                       Result<std::unique_ptr<SessionExecutor>> executor) mutable {
    turn.finish(open(starting, std::move(executor), stop, reply));
  };
  SessionExecutor::ForkHandler handler(std::move(open_fork), here_);
  if (!parent.executor().try_fork(stop, handler)) {
    // Called by co_spawn(), so that what it throws is the handler's as well.
    auto fork = [&executor = parent.executor(), stop] { return executor.fork(stop); };
    boost::asio::co_spawn(
        coroutines_, std::move(fork),
        [handler = std::move(handler)](const std::exception_ptr& error,
                                       Result<std::unique_ptr<SessionExecutor>> executor) mutable {
          const grpc::Status failure = internal::operation_status(error, grpc::Status::OK);
          handler(failure.ok() ? std::move(executor) : failure);
        });
  }
}

Result<SessionService::StartingSession> SessionService::prepare_start(SessionOrigin origin) {
  Result<SessionTable::Reservation> reservation = sessions_.reserve();
  if (!reservation) {
    return reservation.error();
  }
  Gate::Pass alive = alive_.try_enter();
  if (!alive) {
    return unavailable("The service is shutting down: no session can be started");
  }
  return StartingSession{std::move(origin), *std::move(reservation), std::move(alive)};
}

// The id is taken last: a session that fails to start leaves no trace, nor does one whose client
// has left.
template <typename Reply>
grpc::Status SessionService::open(StartingSession& starting,
                                  Result<std::unique_ptr<SessionExecutor>> executor,
                                  const std::stop_source& stop, Reply& reply) {
  if (executor && stop.stop_requested()) {
    executor = cancelled("Cancelled while the session was starting");
  }
  grpc::Status outcome = executor ? grpc::Status::OK : executor.error();
  if (executor) {
    const Result<std::shared_ptr<Session>> session =
        sessions_.insert(std::move(starting.reservation), [&](Session::Id next_id) {
          return std::make_shared<Session>(
              next_id, *std::move(executor), std::move(starting.origin), std::move(starting.alive),
              options_.max_queued_steps, coroutines_, context_host_.logger());
        });
    if (session) {
      reply.set_session_id((*session)->id());
    } else {
      outcome = session.error();
    }
  }
  if (!outcome.ok()) {
    executor = outcome;  // what may be left of it goes before its reservation and its pass
    starting = StartingSession();
  }
  return outcome;
}

}  // namespace compiler_gym
