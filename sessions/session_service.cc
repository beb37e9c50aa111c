#include "sessions/session_service.h"

#include <utility>

#include "sessions/internal/session_rules.h"
#include "sessions/internal/task_queue.h"

namespace compiler_gym {
namespace {

using Handler = UniqueHandler<void(grpc::Status)>;

// A request to a session: `run` is what it does there, the handler hears the outcome.
template <typename Run>
class RequestTask final : public internal::SessionTask {
 public:
  RequestTask(std::stop_source stop, Run run, Handler handler)
      : SessionTask(std::move(stop)), run_(std::move(run)), handler_(std::move(handler)) {}

  void run(CompilationSession& session) override { status_ = run_(session, stop().get_token()); }
  void drop(grpc::Status status) override { status_ = std::move(status); }
  void complete() override { handler_(std::move(status_)); }

 private:
  Run run_;
  Handler handler_;
  grpc::Status status_;
};

}  // namespace

SessionService::SessionService(SessionFactory factory, ContextHost& context_host,
                               WorkerPool& workers, SessionServiceOptions options)
    : factory_(std::move(factory)),
      context_host_(context_host),
      workers_(workers),
      options_(options),
      sessions_(options.max_sessions) {}

SessionService::~SessionService() = default;

grpc::Status SessionService::load_spaces() {
  const Result<std::unique_ptr<CompilationSession>> plugin = make_plugin();
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

grpc::Status SessionService::start_session(StartSessionRequest& request, StartSessionReply& reply,
                                           const std::stop_token& stop) {
  Result<std::shared_ptr<const Benchmark>> benchmark =
      internal::find_benchmark(request, context_host_.benchmarks());
  if (!benchmark) {
    return benchmark.error();
  }
  const Result<Session::Id> id = open_session(stop, [&](CompilationSession& session) {
    return internal::run_start(session, spaces_, request, *std::move(benchmark), reply, stop);
  });
  if (!id) {
    return id.error();
  }
  reply.set_session_id(*id);
  return grpc::Status::OK;
}

void SessionService::add_benchmarks(AddBenchmarkRequest& request) {
  for (Benchmark& benchmark : *request.mutable_benchmark()) {
    context_host_.benchmarks().add(std::move(benchmark));
  }
}

void SessionService::step(const StepRequest& request, StepReply& reply, std::stop_source stop,
                          StatusHandler handler) {
  submit(request.session_id(), std::move(stop), std::move(handler),
         [this, &request, &reply](CompilationSession& session, const std::stop_token& token) {
           return internal::run_step(session, spaces_, request, reply, token);
         });
}

// A request to the parent, so that nothing changes it while the fork is made.
void SessionService::fork_session(const ForkSessionRequest& request, ForkSessionReply& reply,
                                  std::stop_source stop, StatusHandler handler) {
  submit(request.session_id(), std::move(stop), std::move(handler),
         [this, &reply](CompilationSession& parent, const std::stop_token& token) {
           const Result<Session::Id> id = open_session(token, [&](CompilationSession& session) {
             return internal::run_fork(session, parent, token);
           });
           if (!id) {
             return id.error();
           }
           reply.set_session_id(*id);
           return grpc::Status::OK;
         });
}

void SessionService::send_session_parameter(const SendSessionParameterRequest& request,
                                            SendSessionParameterReply& reply, std::stop_source stop,
                                            StatusHandler handler) {
  submit(request.session_id(), std::move(stop), std::move(handler),
         [this, &request, &reply](CompilationSession& session, const std::stop_token& token) {
           return internal::run_parameters(session, context_host_.benchmarks(), request, reply,
                                           token);
         });
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

void SessionService::end_all() {
  for (const std::shared_ptr<Session>& session : sessions_.close()) {
    session->end(UniqueHandler<void()>([] {}));  // the gate tells when it is gone
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

Result<std::unique_ptr<CompilationSession>> SessionService::make_plugin() {
  try {
    return factory_(context_host_.context());
  } catch (...) {
    return status_from_current_exception();
  }
}

// The id is taken last: a session that fails to start leaves no trace, nor does one whose client
// has left.
template <typename Initialise>
Result<Session::Id> SessionService::open_session(const std::stop_token& stop,
                                                 Initialise&& initialise) {
  Result<SessionTable::Place> place = sessions_.reserve();
  if (!place) {
    return place.error();
  }
  Gate::Pass alive = alive_.try_enter();
  if (!alive) {
    return unavailable("The service is shutting down: no session can be started");
  }
  Result<std::unique_ptr<CompilationSession>> plugin = make_plugin();
  if (!plugin) {
    return plugin.error();
  }
  if (const grpc::Status status = initialise(**plugin); !status.ok()) {
    return status;
  }
  if (stop.stop_requested()) {
    return cancelled("Cancelled while the session was starting");
  }
  const Result<std::shared_ptr<Session>> session =
      sessions_.insert(*std::move(place), [&](Session::Id id) {
        return std::make_shared<Session>(id, *std::move(plugin), std::move(alive), workers_,
                                         options_.max_queued_steps);
      });
  if (!session) {
    return session.error();
  }
  return (*session)->id();
}

}  // namespace compiler_gym
