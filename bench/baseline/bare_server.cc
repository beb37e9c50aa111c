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
template <typename Rpc>
class BareServer::Call final : public Event {
 public:
  static void accept(BareServer& server) {
    auto* call = new Call(server);
    (server.service_.*
     Rpc::template kAccept<CompilerGymService::AsyncService>)(&call->rpc_context_, &call->request_,
                                                              &call->writer_, server.queue_.get(),
                                                              server.queue_.get(), call);
  }

  void happened(bool ok) override {
    // A call that was accepted and is not answered, because the queue is going, is cancelled by
    // being deleted.
    if (finished_ || !ok || server_.stopping_) {
      delete this;
      return;
    }
    accept(server_);
    typename Rpc::Reply reply;
    const grpc::Status status = server_.sessions_.call(request_, reply);
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
  typename Rpc::Request request_;
  grpc::ServerAsyncResponseWriter<typename Rpc::Reply> writer_;
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
  rpc::for_each(rpc::All(), [this]<typename Rpc>() { Call<Rpc>::accept(*this); });
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
