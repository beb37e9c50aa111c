#include "sessions/session_service.h"

#include <boost/asio/post.hpp>
#include <utility>

#include "sessions/internal/service_parameters.h"
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

}  // namespace

SessionService::SessionService(SessionFactory factory, ContextHost& context_host,
                               WorkerPool& workers, SessionServiceOptions options)
    : context_host_(context_host),
      workers_(workers),
      options_(options),
      inline_sessions_(std::move(factory), context_host, workers, spaces_),
      sessions_(options.max_sessions) {}

SessionService::~SessionService() = default;

grpc::Status SessionService::load_spaces() {
  const Result<std::unique_ptr<CompilationSession>> plugin = inline_sessions_.make_plugin();
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
      internal::find_benchmark(request, context_host_.benchmarks());
  if (!benchmark) {
    handler(benchmark.error());
    return;
  }
  Result<Opening> opening = prepare_opening();
  if (!opening) {
    handler(opening.error());
    return;
  }
  const Result<Session::Id> id =
      open(*opening,
           inline_sessions_.start(request, *std::move(benchmark), reply, stop.get_token()), stop);
  if (id) {
    reply.set_session_id(*id);
  }
  handler(id ? grpc::Status::OK : id.error());
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
           session.executor().step(request, reply, std::move(token), std::move(done));
         });
}

// A request to the parent, so that nothing changes it while the fork is made.
void SessionService::fork_session(const ForkSessionRequest& request, ForkSessionReply& reply,
                                  std::stop_source stop, StatusHandler handler) {
  submit(request.session_id(), std::move(stop), std::move(handler),
         [this, &request, &reply](Session& parent, std::stop_source token, StatusHandler done) {
           Result<Opening> opening = prepare_opening();
           if (!opening) {
             // Not inside this call, as tasks promise.
             boost::asio::post(workers_.executor(),
                               [status = opening.error(), done = std::move(done)]() mutable {
                                 done(std::move(status));
                               });
             return;
           }
           parent.executor().fork(
               request, token,
               SessionExecutor::StartedHandler(
                   [this, &reply, token, opening = *std::move(opening), done = std::move(done)](
                       Result<std::unique_ptr<SessionExecutor>> executor) mutable {
                     const Result<Session::Id> id = open(opening, std::move(executor), token);
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
  session.executor().set_parameters(
      request, reply, stop,
      StatusHandler([this, &session, &request, &reply, stop,
                     handler = std::move(handler)](const grpc::Status& status) mutable {
        if (!status.ok() || reply.reply_size() == request.parameter_size()) {
          handler(status);
          return;
        }
        const SessionParameter& parameter = request.parameter(reply.reply_size());
        Result<std::string> answer = internal::handle_service_parameter(
            context_host_.benchmarks(), parameter.key(), parameter.value());
        if (!answer) {
          handler(answer.error());
          return;
        }
        reply.add_reply(*std::move(answer));
        set_parameters(session, request, reply, std::move(stop), std::move(handler));
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

Result<SessionService::Opening> SessionService::prepare_opening() {
  Result<SessionTable::Place> place = sessions_.reserve();
  if (!place) {
    return place.error();
  }
  Gate::Pass alive = alive_.try_enter();
  if (!alive) {
    return unavailable("The service is shutting down: no session can be started");
  }
  return Opening{*std::move(place), std::move(alive)};
}

// The id is taken last: a session that fails to start leaves no trace, nor does one whose client
// has left.
Result<Session::Id> SessionService::open(Opening& opening,
                                         Result<std::unique_ptr<SessionExecutor>> executor,
                                         const std::stop_source& stop) {
  if (executor && stop.stop_requested()) {
    executor = cancelled("Cancelled while the session was starting");
  }
  Result<Session::Id> id = executor ? Result<Session::Id>(-1) : executor.error();
  if (executor) {
    const Result<std::shared_ptr<Session>> session =
        sessions_.insert(std::move(opening.place), [&](Session::Id next_id) {
          return std::make_shared<Session>(next_id, *std::move(executor), std::move(opening.alive),
                                           options_.max_queued_steps);
        });
    id = session ? Result<Session::Id>((*session)->id()) : session.error();
  }
  if (!id) {
    executor = id.error();  // what may be left of it goes before its place and its pass
    opening = Opening();
  }
  return id;
}

}  // namespace compiler_gym
