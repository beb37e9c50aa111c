// The lower end of the scale: what a call costs that gRPC's completion queue does nothing for but
// carry it.
#pragma once

#include <grpcpp/completion_queue.h>

#include <memory>
#include <thread>

#include "bench/baseline/baseline_server.h"
#include "bench/baseline/blocking_sessions.h"
#include "proto/rpcs.h"

namespace compiler_gym {

/// One thread reads a completion queue and does what comes out of it, there and then: gRPC's own
/// asynchronous example, more or less. Nothing is bounded, cancelled, timed or drained, and a step
/// that takes long holds up everybody.
class BareServer final : public BaselineServer {
 public:
  explicit BareServer(CompilerHost& host) : sessions_(host, Lookup::kUnderTheMutex) {}
  ~BareServer() override;

 private:
  class Event;
  template <typename Rpc>
  class Call;

  std::unique_ptr<grpc::Server> build(grpc::ServerBuilder& builder) override;
  void accept_all();
  void run();

  BlockingSessions sessions_;
  CompilerGymService::AsyncService service_;
  std::unique_ptr<grpc::ServerCompletionQueue> queue_;
  bool stopping_ = false;  // touched by the thread only
  std::jthread thread_;    // last: it uses what is above
};

}  // namespace compiler_gym
