#include "tests/process/wire_client.h"

#include <grpc/grpc.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/security/credentials.h>

#include <chrono>

#include "tests/support/poll.h"

namespace compiler_gym::testing {
namespace {

std::shared_ptr<grpc::Channel> connect(const std::string& target) {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, 512 * 1024);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target, grpc::InsecureChannelCredentials(), arguments);
}

void set_up(grpc::ClientContext& rpc_context) {
  rpc_context.set_deadline(std::chrono::system_clock::now() + kWatchdog);
  rpc_context.set_wait_for_ready(true);
}

template <typename Reply, typename Request>
Result<Reply> unary(CompilerGymService::Stub& stub,
                    grpc::Status (CompilerGymService::Stub::*method)(grpc::ClientContext*,
                                                                     const Request&, Reply*),
                    const Request& request) {
  grpc::ClientContext rpc_context;
  set_up(rpc_context);
  Reply reply;
  const grpc::Status status = (stub.*method)(&rpc_context, request, &reply);
  return status.ok() ? Result<Reply>(std::move(reply)) : status;
}

}  // namespace

WireClient::WireClient(const std::string& target)
    : channel_(connect(target)), stub_(CompilerGymService::NewStub(channel_)) {}

Result<GetVersionReply> WireClient::get_version() {
  return unary(*stub_, &CompilerGymService::Stub::GetVersion, GetVersionRequest());
}

Result<GetSpacesReply> WireClient::get_spaces() {
  return unary(*stub_, &CompilerGymService::Stub::GetSpaces, GetSpacesRequest());
}

Result<StartSessionReply> WireClient::start_session(const StartSessionRequest& request) {
  return unary(*stub_, &CompilerGymService::Stub::StartSession, request);
}

Result<ForkSessionReply> WireClient::fork_session(std::int64_t session) {
  ForkSessionRequest request;
  request.set_session_id(session);
  return unary(*stub_, &CompilerGymService::Stub::ForkSession, request);
}

Result<EndSessionReply> WireClient::end_session(std::int64_t session) {
  EndSessionRequest request;
  request.set_session_id(session);
  return end_session(request);
}

Result<EndSessionReply> WireClient::end_session(const EndSessionRequest& request) {
  return unary(*stub_, &CompilerGymService::Stub::EndSession, request);
}

Result<StepReply> WireClient::step(const StepRequest& request) {
  return unary(*stub_, &CompilerGymService::Stub::Step, request);
}

Result<AddBenchmarkReply> WireClient::add_benchmark(const AddBenchmarkRequest& request) {
  return unary(*stub_, &CompilerGymService::Stub::AddBenchmark, request);
}

Result<SendSessionParameterReply> WireClient::send_session_parameter(
    const SendSessionParameterRequest& request) {
  return unary(*stub_, &CompilerGymService::Stub::SendSessionParameter, request);
}

Result<StartSessionReply> WireClient::start_session(const std::string& uri) {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri(uri);
  request.mutable_benchmark()->mutable_program()->set_contents("Ir data");
  return start_session(request);
}

Result<StepReply> WireClient::step(std::int64_t session, const std::vector<std::int64_t>& actions,
                                   const std::vector<int>& observations) {
  StepRequest request;
  request.set_session_id(session);
  for (const std::int64_t action : actions) {
    request.add_action()->set_int64_value(action);
  }
  request.mutable_observation_space()->Add(observations.begin(), observations.end());
  return step(request);
}

Result<SendSessionParameterReply> WireClient::send_session_parameter(std::int64_t session,
                                                                     const std::string& key,
                                                                     const std::string& value) {
  SendSessionParameterRequest request;
  request.set_session_id(session);
  SessionParameter& parameter = *request.add_parameter();
  parameter.set_key(key);
  parameter.set_value(value);
  return send_session_parameter(request);
}

grpc::Status WireClient::call(const std::string& method, const std::string& request_bytes) {
  grpc::GenericStub stub(channel_);
  grpc::CompletionQueue queue;
  grpc::ClientContext rpc_context;
  set_up(rpc_context);
  const grpc::Slice slice(request_bytes);
  const grpc::ByteBuffer request(&slice, 1);
  const auto reader = stub.PrepareUnaryCall(
      &rpc_context, "/compiler_gym.CompilerGymService/" + method, request, &queue);
  reader->StartCall();
  grpc::ByteBuffer reply;
  grpc::Status status;
  reader->Finish(&reply, &status, nullptr);
  void* tag = nullptr;
  bool ok = false;
  queue.Next(&tag, &ok);
  return status;
}

}  // namespace compiler_gym::testing
