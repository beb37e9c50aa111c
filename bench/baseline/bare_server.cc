#include "bench/baseline/bare_server.h"

#include <grpcpp/alarm.h>
#include <grpcpp/server_context.h>
#include <grpcpp/support/async_unary_call.h>

#include <chrono>
#include <utility>

namespace compiler_gym {

/// Whatever comes out of the queue; it owns itself.
class BareServer::Event {
 public:
  virtual ~Event() = default;
  virtual void happened(bool ok) = 0;
};

/// Comes out of the queue twice: when a request is here, and when its reply has been sent.
template <typename Request, typename Reply, auto kRequest, auto kHandle>
class BareServer::Call final : public Event {
 public:
  static void accept(BareServer& server) {
    auto* call = new Call(server);
    (server.service_.*kRequest)(&call->rpc_context_, &call->request_, &call->writer_,
                                server.queue_.get(), server.queue_.get(), call);
  }

  void happened(bool ok) override {
    // A call that was accepted and is not answered, because the queue is going, is cancelled by
    // being deleted.
    if (finished_ || !ok || server_.stopping_) {
      delete this;
      return;
    }
    accept(server_);
    Reply reply;
    const grpc::Status status = kHandle(server_.sessions_, request_, reply);
    finished_ = true;
    if (status.ok()) {
      writer_.Finish(reply, status, this);
    } else {
      writer_.FinishWithError(status, this);
    }
  }

 private:
  explicit Call(BareServer& server) : server_(server), writer_(&rpc_context_) {}

  BareServer& server_;
  grpc::ServerContext rpc_context_;
  Request request_;
  grpc::ServerAsyncResponseWriter<Reply> writer_;
  bool finished_ = false;
};

std::unique_ptr<grpc::Server> BareServer::build(grpc::ServerBuilder& builder) {
  builder.RegisterService(&service_);
  queue_ = builder.AddCompletionQueue();
  std::unique_ptr<grpc::Server> built = builder.BuildAndStart();
  if (built == nullptr) {
    queue_->Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue_->Next(&tag, &ok)) {
    }
    return built;
  }
  accept_all();
  thread_ = std::jthread([this] { run(); });
  return built;
}

void BareServer::accept_all() {
  using Service = CompilerGymService::AsyncService;
  using Sessions = BlockingSessions;
  constexpr auto kGetVersion = [](Sessions& sessions, auto&, auto& reply) {
    return sessions.get_version(reply);
  };
  constexpr auto kGetSpaces = [](Sessions& sessions, auto&, auto& reply) {
    return sessions.get_spaces(reply);
  };
  constexpr auto kStartSession = [](Sessions& sessions, auto& request, auto& reply) {
    return sessions.start_session(request, reply);
  };
  constexpr auto kForkSession = [](Sessions& sessions, auto& request, auto& reply) {
    return sessions.fork_session(request, reply);
  };
  constexpr auto kEndSession = [](Sessions& sessions, auto& request, auto& reply) {
    return sessions.end_session(request, reply);
  };
  constexpr auto kStep = [](Sessions& sessions, auto& request, auto& reply) {
    return sessions.step(request, reply);
  };
  constexpr auto kAddBenchmark = [](Sessions& sessions, auto& request, auto& /*reply*/) {
    return sessions.add_benchmark(request);
  };
  constexpr auto kSendParameter = [](Sessions& sessions, auto& request, auto& reply) {
    return sessions.send_session_parameter(request, reply);
  };
  Call<GetVersionRequest, GetVersionReply, &Service::RequestGetVersion, kGetVersion>::accept(*this);
  Call<GetSpacesRequest, GetSpacesReply, &Service::RequestGetSpaces, kGetSpaces>::accept(*this);
  Call<StartSessionRequest, StartSessionReply, &Service::RequestStartSession,
       kStartSession>::accept(*this);
  Call<ForkSessionRequest, ForkSessionReply, &Service::RequestForkSession, kForkSession>::accept(
      *this);
  Call<EndSessionRequest, EndSessionReply, &Service::RequestEndSession, kEndSession>::accept(*this);
  Call<StepRequest, StepReply, &Service::RequestStep, kStep>::accept(*this);
  Call<AddBenchmarkRequest, AddBenchmarkReply, &Service::RequestAddBenchmark,
       kAddBenchmark>::accept(*this);
  Call<SendSessionParameterRequest, SendSessionParameterReply,
       &Service::RequestSendSessionParameter, kSendParameter>::accept(*this);
}

// The null tag is the destructor's alarm: only this thread arms requests, so only here is it certain
// that none is armed after the queue was shut down.
void BareServer::run() {
  void* tag = nullptr;
  bool ok = false;
  while (queue_->Next(&tag, &ok)) {
    if (tag == nullptr) {
      stopping_ = true;
      queue_->Shutdown();
    } else {
      static_cast<Event*>(tag)->happened(ok);
    }
  }
}

BareServer::~BareServer() {
  if (server() == nullptr) {
    return;
  }
  server()->Shutdown(std::chrono::system_clock::now());
  grpc::Alarm stop;
  stop.Set(queue_.get(), std::chrono::system_clock::now(), nullptr);
  thread_.join();
  server().reset();
}

}  // namespace compiler_gym
