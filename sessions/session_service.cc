#include "sessions/session_service.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "sessions/internal/inline_executor.h"
#include "sessions/internal/service_parameters.h"
#include "sessions/session_rules.h"
#include "sessions/task_queue.h"

namespace compiler_gym {
namespace {

using Handler = UniqueHandler<void(grpc::Status)>;

// A request to a session: `run` is what it does there, the handler hears the outcome.
template <typename Run>
class RequestTask : public internal::SessionTask {
 public:
  RequestTask(std::stop_source stop, Run run, Handler handler)
      : SessionTask(std::move(stop)), run_(std::move(run)), handler_(std::move(handler)) {}

  void run(Session& session, UniqueHandler<void()> on_done) override {
    run_(session, stop(),
         Handler([this, on_done = std::move(on_done)](grpc::Status status) mutable {
           status_ = std::move(status);
           on_done();
         }));
  }
  void drop(grpc::Status status) override { status_ = std::move(status); }
  void complete() override { handler_(std::move(status_)); }

 private:
  Run run_;
  Handler handler_;
  grpc::Status status_;
};

// A request that ends its session.
template <typename Run>
class EndTask final : public RequestTask<Run> {
 public:
  using RequestTask<Run>::RequestTask;
  [[nodiscard]] bool ends_session() const override { return true; }
};

}  // namespace

SessionService::SessionService(SessionFactory factory, ContextHost& context_host,
                               WorkerPool& workers, SessionServiceOptions options,
                               std::unique_ptr<SessionExecutorFactory> isolated)
    : context_host_(context_host),
      workers_(workers),
      options_(options),
      inline_sessions_(std::make_unique<internal::InlineSessions>(
          std::move(factory), context_host, workers, spaces_, options.request_timeout,
          options.on_callers_thread)),
      isolated_sessions_(std::move(isolated)),
      sessions_(options.max_sessions) {}

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
  return grpc::Status::OK;
}

void SessionService::start_session(StartSessionRequest& request, StartSessionReply& reply,
                                   std::stop_source stop, StatusHandler handler) {
  Result<std::shared_ptr<const Benchmark>> benchmark =
      find_benchmark(request, context_host_.benchmarks());
  if (!benchmark) {
    handler(benchmark.error());
    return;
  }
  Result<StartingSession> starting = prepare_start({.benchmark = *benchmark,
                                                    .action_space = request.action_space(),
                                                    .executor = options_.executor});
  if (!starting) {
    handler(starting.error());
    return;
  }
  start_executor(
      options_.executor, request, *std::move(benchmark), reply, stop,
      SessionExecutor::StartedHandler(
          [this, &reply, stop, starting = *std::move(starting), handler = std::move(handler)](
              Result<std::unique_ptr<SessionExecutor>> executor) mutable {
            const Result<Session::Id> id = open(starting, std::move(executor), stop);
            if (id) {
              reply.set_session_id(*id);
            }
            handler(id ? grpc::Status::OK : id.error());
          }));
}

void SessionService::start_executor(ExecutorKind kind, const StartSessionRequest& request,
                                    std::shared_ptr<const Benchmark> benchmark,
                                    StartSessionReply& reply, std::stop_source stop,
                                    SessionExecutor::StartedHandler handler) {
  if (kind == ExecutorKind::kIsolated) {
    if (const grpc::Status status = check_indices(spaces_, request); !status.ok()) {
      handler(status);
      return;
    }
    isolated_sessions_->start(request, std::move(benchmark), reply, std::move(stop),
                              std::move(handler));
  } else {
    handler(inline_sessions_->start(request, std::move(benchmark), reply, stop.get_token()));
  }
}

void SessionService::add_benchmarks(AddBenchmarkRequest& request) {
  for (Benchmark& benchmark : *request.mutable_benchmark()) {
    context_host_.benchmarks().add(std::move(benchmark));
  }
}

void SessionService::step(const StepRequest& request, StepReply& reply, std::stop_source stop,
                          StatusHandler handler) {
  submit(request.session_id(), std::move(stop), std::move(handler),
         [&request, &reply](Session& session, std::stop_source token, StatusHandler done) {
           session.origin().acted |= request.action_size() > 0;
           session.executor().step(request, reply, std::move(token), std::move(done));
         });
}

// A request to the parent, so that nothing changes it while the fork is made.
void SessionService::fork_session(const ForkSessionRequest& request, ForkSessionReply& reply,
                                  std::stop_source stop, StatusHandler handler) {
  submit(request.session_id(), std::move(stop), std::move(handler),
         [this, &request, &reply](Session& parent, std::stop_source token, StatusHandler done) {
           Result<StartingSession> starting = prepare_start(parent.origin());
           if (!starting) {
             // Not inside this call, as tasks promise.
             boost::asio::post(workers_.executor(),
                               [status = starting.error(), done = std::move(done)]() mutable {
                                 done(std::move(status));
                               });
             return;
           }
           parent.executor().fork(
               request, token,
               SessionExecutor::StartedHandler(
                   [this, &reply, token, starting = *std::move(starting), done = std::move(done)](
                       Result<std::unique_ptr<SessionExecutor>> executor) mutable {
                     const Result<Session::Id> id = open(starting, std::move(executor), token);
                     if (id) {
                       reply.set_session_id(*id);
                     }
                     done(id ? grpc::Status::OK : id.error());
                   }));
         });
}

void SessionService::send_session_parameter(const SendSessionParameterRequest& request,
                                            SendSessionParameterReply& reply, std::stop_source stop,
                                            StatusHandler handler) {
  submit(request.session_id(), std::move(stop), std::move(handler),
         [this, &request, &reply](Session& session, std::stop_source token, StatusHandler done) {
           set_parameters(session, request, reply, std::move(token), std::move(done));
         });
}

// The session is asked first; what it does not know, the service may.
void SessionService::set_parameters(Session& session, const SendSessionParameterRequest& request,
                                    SendSessionParameterReply& reply, std::stop_source stop,
                                    StatusHandler handler) {
  const int already = reply.reply_size();
  session.executor().set_parameters(
      request, reply, stop,
      StatusHandler([this, &session, &request, &reply, stop, already,
                     handler = std::move(handler)](const grpc::Status& status) mutable {
        if (!session.origin().acted) {
          session.origin().parameters.mutable_parameter()->Add(
              request.parameter().begin() + already,
              request.parameter().begin() + reply.reply_size());
        }
        if (!status.ok() || reply.reply_size() == request.parameter_size()) {
          handler(status);
          return;
        }
        const SessionParameter& parameter = request.parameter(reply.reply_size());
        auto go_on = [this, &session, &request, &reply, stop,
                      handler = std::move(handler)](Result<std::string> answer) mutable {
          if (!answer) {
            handler(answer.error());
            return;
          }
          reply.add_reply(*std::move(answer));
          set_parameters(session, request, reply, std::move(stop), std::move(handler));
        };
        if (parameter.key() == "service.executor") {
          set_executor(session, parameter.value(), stop,
                       StatusHandler(
                           [&parameter, go_on = std::move(go_on)](const grpc::Status& set) mutable {
                             go_on(set.ok() ? Result<std::string>(parameter.value()) : set);
                           }));
        } else {
          go_on(internal::handle_service_parameter(context_host_.benchmarks(), parameter.key(),
                                                   parameter.value()));
        }
      }));
}

void SessionService::set_executor(Session& session, const std::string& value, std::stop_source stop,
                                  StatusHandler handler) {
  const bool isolate = value == "isolated";
  const ExecutorKind kind = isolate ? ExecutorKind::kIsolated : ExecutorKind::kInline;
  if (!isolate && value != "inline") {
    handler(invalid_argument("service.executor: expected inline or isolated, received: '" + value +
                             "'"));
  } else if (isolate && isolated_sessions_ == nullptr) {
    handler(
        invalid_argument("service.executor: sessions of this service share what they change, and "
                         "can't be isolated"));
  } else if (session.origin().acted) {
    handler(invalid_argument("service.executor: can be set before the first action only"));
  } else if (kind == session.origin().executor) {
    handler(grpc::Status::OK);
  } else {
    // An inline session is initialised by the thread that starts it.
    boost::asio::post(workers_.executor(), [this, kind, &session, stop = std::move(stop),
                                            handler = std::move(handler)]() mutable {
      restart_on(kind, session, std::move(stop), std::move(handler));
    });
  }
}

void SessionService::restart_on(ExecutorKind kind, Session& session, std::stop_source stop,
                                StatusHandler handler) {
  struct Messages {
    StartSessionRequest start;
    StartSessionReply started;
    SendSessionParameterReply set;
  };
  auto messages = std::make_unique<Messages>();
  messages->start.set_action_space(session.origin().action_space);
  const StartSessionRequest& start = messages->start;
  StartSessionReply& started = messages->started;
  start_executor(
      kind, start, session.origin().benchmark, started, stop,
      SessionExecutor::StartedHandler(
          [kind, &session, stop, messages = std::move(messages), handler = std::move(handler)](
              Result<std::unique_ptr<SessionExecutor>> executor) mutable {
            if (!executor) {
              handler(executor.error());
              return;
            }
            SessionExecutor& fresh = **executor;
            SendSessionParameterReply& set = messages->set;
            fresh.set_parameters(
                session.origin().parameters, set, stop,
                StatusHandler([kind, &session, executor = *std::move(executor),
                               messages = std::move(messages),
                               handler = std::move(handler)](const grpc::Status& status) mutable {
                  if (!status.ok()) {
                    handler(status);
                    return;
                  }
                  session.origin().executor = kind;
                  std::unique_ptr<SessionExecutor> before =
                      session.replace_executor(std::move(executor));
                  SessionExecutor& ending = *before;
                  ending.end(UniqueHandler<void()>(
                      [before = std::move(before), handler = std::move(handler)]() mutable {
                        before.reset();
                        handler(grpc::Status::OK);
                      }));
                }));
          }));
}

void SessionService::end_session(const EndSessionRequest& request, EndSessionReply& reply,
                                 StatusHandler handler) {
  const auto [session, remaining] = sessions_.remove(request.session_id());
  reply.set_remaining_sessions(static_cast<int>(remaining));
  if (session == nullptr) {
    handler(grpc::Status::OK);
    return;
  }
  session->end(UniqueHandler<void()>(
      [handler = std::move(handler)]() mutable { handler(grpc::Status::OK); }));
}

void SessionService::drop_waiting() {
  for (const std::shared_ptr<Session>& session : sessions_.all()) {
    session->close();
  }
}

void SessionService::end_session_in_turn(const EndSessionRequest& request, EndSessionReply& reply,
                                         StatusHandler handler) {
  const Result<std::shared_ptr<Session>> session = sessions_.find(request.session_id());
  if (!session) {
    reply.set_remaining_sessions(static_cast<int>(sessions_.size()));
    handler(grpc::Status::OK);
    return;
  }
  auto end = [this, &reply](Session& ending, const std::stop_source& /*stop*/, StatusHandler done) {
    // Not inside this call, as tasks promise.
    boost::asio::post(
        workers_.executor(), [this, &reply, &ending, done = std::move(done)]() mutable {
          reply.set_remaining_sessions(static_cast<int>(sessions_.remove(ending.id()).remaining));
          ending.end_in_turn();
          done(grpc::Status::OK);
        });
  };
  // Not done if somebody ended the session meanwhile, which is as well.
  auto ended = StatusHandler(
      [this, &reply, handler = std::move(handler)](const grpc::Status& status) mutable {
        if (status.error_code() == grpc::StatusCode::UNAVAILABLE) {
          handler(status);
          return;
        }
        if (!status.ok()) {
          reply.set_remaining_sessions(static_cast<int>(sessions_.size()));
        }
        handler(grpc::Status::OK);
      });
  (*session)->submit(std::make_unique<EndTask<decltype(end)>>(std::stop_source(std::nostopstate),
                                                              std::move(end), std::move(ended)));
}

void SessionService::end_all(UniqueHandler<void()> handler) {
  for (const std::shared_ptr<Session>& session : sessions_.close()) {
    session->end(UniqueHandler<void()>([] {}));  // the gate tells when it is gone
  }
  alive_.async_close([this, handler = std::move(handler)]() mutable {
    if (isolated_sessions_ == nullptr) {
      handler();
      return;
    }
    boost::asio::post(workers_.executor(), [this, handler = std::move(handler)]() mutable {
      isolated_sessions_->close();
      handler();
    });
  });
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

template <typename Run>
void SessionService::submit(Session::Id id, std::stop_source stop, StatusHandler handler, Run run) {
  const Result<std::shared_ptr<Session>> session = sessions_.find(id);
  if (!session) {
    handler(session.error());
    return;
  }
  (*session)->submit(
      std::make_unique<RequestTask<Run>>(std::move(stop), std::move(run), std::move(handler)));
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
Result<Session::Id> SessionService::open(StartingSession& starting,
                                         Result<std::unique_ptr<SessionExecutor>> executor,
                                         const std::stop_source& stop) {
  if (executor && stop.stop_requested()) {
    executor = cancelled("Cancelled while the session was starting");
  }
  Result<Session::Id> id = executor ? Result<Session::Id>(-1) : executor.error();
  if (executor) {
    const Result<std::shared_ptr<Session>> session =
        sessions_.insert(std::move(starting.reservation), [&](Session::Id next_id) {
          return std::make_shared<Session>(next_id, *std::move(executor),
                                           std::move(starting.origin), std::move(starting.alive),
                                           options_.max_queued_steps);
        });
    id = session ? Result<Session::Id>((*session)->id()) : session.error();
  }
  if (!id) {
    executor = id.error();  // what may be left of it goes before its reservation and its pass
    starting = StartingSession();
  }
  return id;
}

}  // namespace compiler_gym
