#include "tests/support/in_process_server.h"

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_builder.h>
#include <stdlib.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <chrono>
#include <stdexcept>
#include <thread>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym::testing {

void CountingService::note(const char* method, const grpc::ServerContext& rpc_context) {
  const std::lock_guard lock(mutex_);
  ++calls_[method];
  peers_.insert(rpc_context.peer());
}

std::size_t CountingService::session_count() const {
  const std::lock_guard lock(mutex_);
  return sessions_.size();
}

int CountingService::calls(const std::string& method) const {
  const std::lock_guard lock(mutex_);
  const auto found = calls_.find(method);
  return found == calls_.end() ? 0 : found->second;
}

std::set<std::string> CountingService::peers() const {
  const std::lock_guard lock(mutex_);
  return peers_;
}

std::int64_t CountingService::actions_applied() const {
  const std::lock_guard lock(mutex_);
  return actions_applied_;
}

std::vector<std::vector<std::int64_t>> CountingService::actions_by_session() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::vector<std::int64_t>> all;
  for (const auto& [id, actions] : actions_by_session_) {
    all.push_back(actions);
  }
  return all;
}

std::size_t CountingService::benchmark_count() const {
  const std::lock_guard lock(mutex_);
  return benchmark_bytes_.size();
}

void CountingService::lose_session_every(int count) {
  const std::lock_guard lock(mutex_);
  lose_every_ = count;
}

void CountingService::lose_session_before_bitcode() {
  const std::lock_guard lock(mutex_);
  lose_before_bitcode_ = true;
}

void CountingService::set_bitcode(std::string bitcode) {
  const std::lock_guard lock(mutex_);
  bitcode_ = std::move(bitcode);
}

grpc::Status CountingService::GetVersion(grpc::ServerContext* rpc_context, const GetVersionRequest*,
                                         GetVersionReply* reply) {
  note("GetVersion", *rpc_context);
  reply->set_service_version("1.2.3");
  reply->set_compiler_version("counting 1");
  return grpc::Status::OK;
}

grpc::Status CountingService::GetSpaces(grpc::ServerContext* rpc_context, const GetSpacesRequest*,
                                        GetSpacesReply* reply) {
  note("GetSpaces", *rpc_context);
  ActionSpace& actions = *reply->add_action_space_list();
  actions.set_name("counting");
  for (const char* name : {"a", "b", "c"}) {
    actions.mutable_space()->mutable_named_discrete()->add_name(name);
  }
  reply->add_observation_space_list()->set_name("count");
  reply->add_observation_space_list()->set_name("uri");
  reply->add_observation_space_list()->set_name("Bitcode");
  return grpc::Status::OK;
}

grpc::Status CountingService::StartSession(grpc::ServerContext* rpc_context,
                                           const StartSessionRequest* request,
                                           StartSessionReply* reply) {
  note("StartSession", *rpc_context);
  const std::lock_guard lock(mutex_);
  const Benchmark& benchmark = request->benchmark();
  if (benchmark.has_program()) {
    benchmark_bytes_[benchmark.uri()] = benchmark.program().contents().size();
  } else if (!benchmark_bytes_.contains(benchmark.uri())) {
    return not_found("Benchmark not found");
  }
  const std::int64_t id = next_session_id_++;
  sessions_[id].benchmark_uri = benchmark.uri();
  reply->set_session_id(id);
  return grpc::Status::OK;
}

grpc::Status CountingService::ForkSession(grpc::ServerContext* rpc_context,
                                          const ForkSessionRequest* request,
                                          ForkSessionReply* reply) {
  note("ForkSession", *rpc_context);
  const std::lock_guard lock(mutex_);
  const auto parent = sessions_.find(request->session_id());
  if (parent == sessions_.end()) {
    return not_found("Session not found: " + std::to_string(request->session_id()));
  }
  const std::int64_t id = next_session_id_++;
  sessions_[id] = parent->second;
  reply->set_session_id(id);
  return grpc::Status::OK;
}

grpc::Status CountingService::EndSession(grpc::ServerContext* rpc_context,
                                         const EndSessionRequest* request, EndSessionReply* reply) {
  note("EndSession", *rpc_context);
  const std::lock_guard lock(mutex_);
  sessions_.erase(request->session_id());
  reply->set_remaining_sessions(static_cast<std::int32_t>(sessions_.size()));
  return grpc::Status::OK;
}

grpc::Status CountingService::Step(grpc::ServerContext* rpc_context, const StepRequest* request,
                                   StepReply* reply) {
  note("Step", *rpc_context);
  on_step_();
  if (request->action_size() > 0 && request->action(0).int64_value() == kHang) {
    while (!rpc_context->IsCancelled()) {
      std::this_thread::yield();
    }
    return cancelled("the client has left");
  }
  const std::lock_guard lock(mutex_);
  if (lose_every_ > 0 && ++steps_ % lose_every_ == 0) {
    sessions_.erase(request->session_id());
  }
  constexpr int kBitcode = 2;
  const auto& spaces = request->observation_space();
  if (lose_before_bitcode_ && std::find(spaces.begin(), spaces.end(), kBitcode) != spaces.end()) {
    lose_before_bitcode_ = false;
    sessions_.erase(request->session_id());
  }
  const auto found = sessions_.find(request->session_id());
  if (found == sessions_.end()) {
    return not_found("Session not found: " + std::to_string(request->session_id()));
  }
  Session& session = found->second;
  for (const Event& action : request->action()) {
    if (action.int64_value() < 0 || action.int64_value() > 2) {
      return invalid_argument("Out-of-range");
    }
    ++session.actions;
    ++actions_applied_;
    actions_by_session_[request->session_id()].push_back(action.int64_value());
  }
  for (const int space : request->observation_space()) {
    if (space == 0) {
      reply->add_observation()->set_int64_value(session.actions);
    } else if (space == 1) {
      reply->add_observation()->set_string_value(session.benchmark_uri);
    } else {
      ByteTensor& bytes = *reply->add_observation()->mutable_byte_tensor();
      bytes.add_shape(static_cast<std::int64_t>(bitcode_.size()));
      bytes.set_value(bitcode_);
    }
  }
  return grpc::Status::OK;
}

grpc::Status CountingService::AddBenchmark(grpc::ServerContext* rpc_context,
                                           const AddBenchmarkRequest* request, AddBenchmarkReply*) {
  note("AddBenchmark", *rpc_context);
  const std::lock_guard lock(mutex_);
  for (const Benchmark& benchmark : request->benchmark()) {
    benchmark_bytes_[benchmark.uri()] = benchmark.program().contents().size();
  }
  return grpc::Status::OK;
}

grpc::Status CountingService::SendSessionParameter(grpc::ServerContext* rpc_context,
                                                   const SendSessionParameterRequest* request,
                                                   SendSessionParameterReply* reply) {
  note("SendSessionParameter", *rpc_context);
  for (const SessionParameter& parameter : request->parameter()) {
    reply->add_reply(parameter.value());
  }
  return grpc::Status::OK;
}

InProcessServer::InProcessServer() {
  char directory[] = "/tmp/compiler_gym-test-XXXXXX";
  if (mkdtemp(directory) == nullptr) {
    throw std::runtime_error("cannot make a temporary directory");
  }
  directory_ = directory;
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
  builder.AddListeningPort(unix_target(), grpc::InsecureServerCredentials());
  builder.RegisterService(&service_);
  server_ = builder.BuildAndStart();
  if (server_ == nullptr) {
    throw std::runtime_error("the in-process server does not start");
  }
}

InProcessServer::~InProcessServer() {
  server_->Shutdown(std::chrono::system_clock::now());
  server_.reset();
  boost::filesystem::remove_all(directory_);
}

std::string InProcessServer::tcp_target() const {
  return "127.0.0.1:" + std::to_string(port_);
}

std::string InProcessServer::unix_target() const {
  return "unix:" + directory_ + "/socket";
}

}  // namespace compiler_gym::testing
