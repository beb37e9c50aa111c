#include "bench/baseline/sync_server.h"

#include <chrono>

namespace compiler_gym {

std::unique_ptr<grpc::Server> SyncServer::build(grpc::ServerBuilder& builder) {
  builder.RegisterService(&service_);
  return builder.BuildAndStart();
}

SyncServer::~SyncServer() {
  if (server() != nullptr) {
    server()->Shutdown(std::chrono::system_clock::now());
    server().reset();  // waits for the calls, which use the service
  }
}

}  // namespace compiler_gym
