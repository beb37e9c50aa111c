#include "sessions/session_service.h"

#include <boost/asio/co_spawn.hpp>
#include <boost/asio/dispatch.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <exception>
#include <utility>

#include "sessions/graph/graph_sessions.h"
#include "sessions/internal/inline_executor.h"
#include "sessions/internal/operation_status.h"
#include "sessions/session_rules.h"
#include "sessions/task_queue.h"

namespace compiler_gym {

using boost::asio::awaitable;
using boost::asio::use_awaitable;

namespace {

// A request to a session: `run` is what it does in its turn there, the handler hears the outcome.
template <typename Run>
class RequestTask : public internal::SessionTask {
 public:
  RequestTask(std::stop_source stop, Run run, UniqueHandler<void(grpc::Status)> handler)
      : SessionTask(std::move(stop)), run_(std::move(run)), handler_(std::move(handler)) {}

  void run(Session& session, SessionTurn& turn) override { run_(session, stop(), turn); }
  void complete(grpc::Status outcome) override {
    if constexpr (requires { run_.finish(outcome); }) {
      try {
        run_.finish(outcome);
      } catch (...) {
        outcome = status_from_current_exception();
      }
    }
    handler_(std::move(outcome));
  }

 private:
  Run run_;
  UniqueHandler<void(grpc::Status)> handler_;
};

// A request that ends its session.
template <typename Run>
class EndTask final : public RequestTask<Run> {
 public:
  using RequestTask<Run>::RequestTask;
  [[nodiscard]] bool ends_session() const override { return true; }
};

// Ends inside the call if the operation does: co_spawn() posts the end of a coroutine that never
// waited.
awaitable<grpc::Status> ending_in_place(awaitable<grpc::Status> operation) {
  grpc::Status outcome = co_await std::move(operation);
  co_await boost::asio::dispatch(use_awaitable);
  co_return outcome;
}

}  // namespace

SessionService::SessionService(SessionFactory factory, ContextHost& context_host,
                               WorkerPool& workers, SessionServiceOptions options,
                               std::unique_ptr<SessionExecutorFactory> isolated)
    : context_host_(context_host),
      workers_(workers),
      options_(std::move(options)),
      here_(context_host.logger(), "a request's handler"),
      worker_executor_(workers.executor()),
      coroutines_(&worker_executor_),
      inline_sessions_(std::make_unique<internal::InlineSessions>(
          std::move(factory), context_host, workers, spaces_,
          internal::InlineOptions{.request_timeout = options_.request_timeout,
                                  .max_reply_bytes = options_.max_reply_bytes,
                                  .on_callers_thread = options_.on_callers_thread})),
      isolated_sessions_(std::move(isolated)),
      sessions_(options_.max_sessions) {}

SessionService::~SessionService() = default;

grpc::Status SessionService::load_spaces() {
  const Result<std::unique_ptr<CompilationSession>> plugin = inline_sessions_->make_plugin();
  if (!plugin) {
    return plugin.error();
  }
  Result<ServiceSpaces> spaces = ServiceSpaces::of(**plugin);
  if (!spaces) {
    return spaces.error();
  }
  spaces_ = *std::move(spaces);
  try {
    remember_results((*plugin)->determinism());
  } catch (...) {
    return status_from_current_exception();
  }
  return grpc::Status::OK;
}

void SessionService::add_benchmarks(AddBenchmarkRequest& request) {
  for (Benchmark& benchmark : *request.mutable_benchmark()) {
    context_host_.benchmarks().add(std::move(benchmark));
  }
}

// ------------------------------------------------------------------------------- how it is run

void SessionService::spawn(Operation operation, StatusHandler handler) {
  boost::asio::co_spawn(
      coroutines_, ending_in_place(std::move(operation)),
      [handler = std::move(handler)](const std::exception_ptr& error, grpc::Status status) mutable {
        handler(internal::operation_status(error, std::move(status)));
      });
}

// One that never waited ends outside of this call, as tasks promise.
void SessionService::spawn(Operation operation, SessionTurn& turn) {
  boost::asio::co_spawn(
      coroutines_, std::move(operation),
      [turn = std::move(turn)](const std::exception_ptr& error, grpc::Status status) mutable {
        turn.finish(internal::operation_status(error, std::move(status)));
      });
}

template <template <typename> typename Task, typename Run>
void SessionService::submit(Session::Id id, std::stop_source stop, StatusHandler handler, Run run) {
  const Result<std::shared_ptr<Session>> session = sessions_.find(id);
  if (!session) {
    handler(session.error());
    return;
  }
  (*session)->submit(
      std::make_unique<Task<Run>>(std::move(stop), std::move(run), std::move(handler)));
}

// ------------------------------------------------------------------------------------- requests

// For a caller that has the messages and no exchange: that is the task's then.
struct SessionService::StepWithMessages {
  SessionService& service;
  StepExchange exchange;

  void operator()(Session& session, const std::stop_source& stop, SessionTurn& turn) {
    service.step_in_turn(session, exchange, stop, turn);
  }
  void finish(grpc::Status& outcome) {
    if (outcome.ok()) {
      outcome = exchange.parse_reply();
    }
  }
};

void SessionService::step(const StepRequest& request, StepReply& reply, std::stop_source stop,
                          StatusHandler handler) {
  submit<RequestTask>(request.session_id(), std::move(stop), std::move(handler),
                      StepWithMessages{*this, StepExchange(request, reply)});
}

void SessionService::step(StepExchange& exchange, std::stop_source stop, StatusHandler handler) {
  submit<RequestTask>(
      exchange.request().session_id(), std::move(stop), std::move(handler),
      [this, &exchange](Session& session, const std::stop_source& its_stop, SessionTurn& turn) {
        step_in_turn(session, exchange, its_stop, turn);
      });
}

// The one path that does without a coroutine, if the executor can: see SessionExecutor::try_step().
void SessionService::step_in_turn(Session& session, StepExchange& exchange,
                                  const std::stop_source& stop, SessionTurn& turn) {
  session.origin().acted |= exchange.request().action_size() > 0;
  if (!session.executor().try_step(exchange, stop, turn)) {
    spawn(session.executor().step(exchange, stop), turn);
  }
}

// A request to the parent, so that nothing changes it while the fork is made.
void SessionService::fork_session(const ForkSessionRequest& request, ForkSessionReply& reply,
                                  std::stop_source stop, StatusHandler handler) {
  submit<RequestTask>(
      request.session_id(), std::move(stop), std::move(handler),
      [this, &reply](Session& parent, const std::stop_source& its_stop, SessionTurn& turn) {
        fork_in_turn(parent, reply, its_stop, turn);
      });
}

void SessionService::send_session_parameter(const SendSessionParameterRequest& request,
                                            SendSessionParameterReply& reply, std::stop_source stop,
                                            StatusHandler handler) {
  submit<RequestTask>(request.session_id(), std::move(stop), std::move(handler),
                      [this, &request, &reply](Session& session, const std::stop_source& its_stop,
                                               SessionTurn& turn) {
                        spawn(set_parameters(session, request, reply, its_stop), turn);
                      });
}

// --------------------------------------------------------------------------------------- ending

void SessionService::end_session(const EndSessionRequest& request, EndSessionReply& reply,
                                 StatusHandler handler) {
  const SessionTable::Removed removed = sessions_.remove(request.session_id());
  reply.set_remaining_sessions(static_cast<int>(removed.remaining));
  if (removed.session == nullptr) {
    handler(grpc::Status::OK);
    return;
  }
  auto ended = [handler = std::move(handler)]() mutable { handler(grpc::Status::OK); };
  removed.session->end(UniqueHandler<void()>(std::move(ended), here_));
}

void SessionService::end_session_in_turn(const EndSessionRequest& request, EndSessionReply& reply,
                                         StatusHandler handler) {
  // Not done if somebody ended the session before, which is as well.
  auto ended = [this, &reply, handler = std::move(handler)](const grpc::Status& status) mutable {
    if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
      handler(status);
      return;
    }
    if (!status.ok()) {
      reply.set_remaining_sessions(static_cast<int>(sessions_.size()));
    }
    handler(grpc::Status::OK);
  };
  submit<EndTask>(request.session_id(), std::stop_source(std::nostopstate),
                  StatusHandler(std::move(ended), here_),
                  [this, &reply](Session& ending, const std::stop_source& /*stop*/,
                                 SessionTurn& turn) { spawn(end_in_turn(ending, reply), turn); });
}

SessionService::Operation SessionService::end_in_turn(Session& session, EndSessionReply& reply) {
  co_await boost::asio::post(workers_.executor(), use_awaitable);
  reply.set_remaining_sessions(static_cast<int>(sessions_.remove(session.id()).remaining));
  session.end_in_turn();
  co_return grpc::Status::OK;
}

void SessionService::drop_waiting() {
  for (const std::shared_ptr<Session>& session : sessions_.all()) {
    session->close();
  }
}

void SessionService::end_all(UniqueHandler<void()> handler) {
  boost::asio::co_spawn(
      coroutines_, end_sessions(),
      [this, handler = std::move(handler)](const std::exception_ptr& error) mutable {
        if (const grpc::Status ended = internal::operation_status(error, grpc::Status::OK);
            !ended.ok()) {
          context_host_.logger().error("ending all sessions: {}", ended.error_message());
        }
        handler();
      });
}

awaitable<void> SessionService::end_sessions() {
  for (const std::shared_ptr<Session>& session : sessions_.close()) {
    session->end(UniqueHandler<void()>([] {}, here_));  // the gate tells when it is gone
  }
  co_await alive_.async_close(use_awaitable);
  if (isolated_sessions_ != nullptr) {
    co_await boost::asio::post(workers_.executor(), use_awaitable);
    isolated_sessions_->close();
  }
}

std::size_t SessionService::end_idle_sessions(Clock::duration ttl) {
  const Clock::time_point cutoff = Clock::now() - ttl;
  std::size_t ended = 0;
  for (const std::shared_ptr<Session>& session : sessions_.all()) {
    if (session->end_if_idle_since(cutoff)) {
      sessions_.remove(session->id());
      ++ended;
    }
  }
  return ended;
}

}  // namespace compiler_gym
