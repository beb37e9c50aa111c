// The upper end of the scale: a thread for each call.
#pragma once

#include <memory>

#include "bench/baseline/baseline_server.h"
#include "bench/baseline/blocking_sessions.h"
#include "proto/compiler_gym_service.grpc.pb.h"

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

    grpc::Status GetVersion(grpc::ServerContext*, const GetVersionRequest*,
                            GetVersionReply* reply) override {
      return sessions_.get_version(*reply);
    }
    grpc::Status GetSpaces(grpc::ServerContext*, const GetSpacesRequest*,
                           GetSpacesReply* reply) override {
      return sessions_.get_spaces(*reply);
    }
    // These two copy what they keep, as CompilerGym's do: what a synchronous service is given is
    // const.
    grpc::Status StartSession(grpc::ServerContext*, const StartSessionRequest* request,
                              StartSessionReply* reply) override {
      StartSessionRequest copy = *request;
      return sessions_.start_session(copy, *reply);
    }
    grpc::Status AddBenchmark(grpc::ServerContext*, const AddBenchmarkRequest* request,
                              AddBenchmarkReply*) override {
      AddBenchmarkRequest copy = *request;
      return sessions_.add_benchmark(copy);
    }
    grpc::Status ForkSession(grpc::ServerContext*, const ForkSessionRequest* request,
                             ForkSessionReply* reply) override {
      return sessions_.fork_session(*request, *reply);
    }
    grpc::Status EndSession(grpc::ServerContext*, const EndSessionRequest* request,
                            EndSessionReply* reply) override {
      return sessions_.end_session(*request, *reply);
    }
    grpc::Status Step(grpc::ServerContext*, const StepRequest* request, StepReply* reply) override {
      return sessions_.step(*request, *reply);
    }
    grpc::Status SendSessionParameter(grpc::ServerContext*,
                                      const SendSessionParameterRequest* request,
                                      SendSessionParameterReply* reply) override {
      return sessions_.send_session_parameter(*request, *reply);
    }

   private:
    BlockingSessions sessions_;
  };

  std::unique_ptr<grpc::Server> build(grpc::ServerBuilder& builder) override;

  Service service_;
};

}  // namespace compiler_gym
