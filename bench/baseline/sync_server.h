// The upper end of the scale: a thread for each call.
#pragma once

#include <memory>

#include "bench/baseline/baseline_server.h"
#include "bench/baseline/blocking_sessions.h"
#include "proto/rpcs.h"

namespace compiler_gym {

/// gRPC's synchronous server with its defaults, as CompilerGym starts it: it polls on as many threads
/// as it thinks fit, and makes one more for each call that finds none.
class SyncServer final : public BaselineServer {
 public:
  SyncServer(CompilerHost& host, Lookup lookup) : service_(host, lookup) {}
  ~SyncServer() override;

 private:
  class Service final : public CompilerGymService::Service {
   public:
    Service(CompilerHost& host, Lookup lookup) : sessions_(host, lookup) {}

#define COMPILER_GYM_METHOD(Name, name)                                                     \
  grpc::Status Name(grpc::ServerContext*, const Name##Request* request, Name##Reply* reply) \
      override {                                                                            \
    return call(*request, *reply);                                                          \
  }
    COMPILER_GYM_RPCS(COMPILER_GYM_METHOD, COMPILER_GYM_METHOD)
#undef COMPILER_GYM_METHOD

   private:
    // What is kept of a request is copied, as CompilerGym does it: what a synchronous service is
    // given is const.
    template <typename Request, typename Reply>
    grpc::Status call(const Request& request, Reply& reply) {
      if constexpr (requires { sessions_.call(request, reply); }) {
        return sessions_.call(request, reply);
      } else {
        Request copy = request;
        return sessions_.call(copy, reply);
      }
    }

    BlockingSessions sessions_;
  };

  std::unique_ptr<grpc::Server> build(grpc::ServerBuilder& builder) override;

  Service service_;
};

}  // namespace compiler_gym
