// A blocking client of a service: gRPC's own generated stub, so that these tests do not lean on the project's client.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <memory>
#include <string>
#include <vector>

#include "core/support/status.h"
#include "proto/compiler_gym_service.grpc.pb.h"

namespace compiler_gym::testing {

/// Set up as the Python client does it: messages of any size, 512 kB of metadata.
/// Threads: every member may be called from any thread.
class WireClient {
 public:
  /// `localhost:<port>` or `unix:PATH`. The connection is its own.
  explicit WireClient(const std::string& target);

  // Every call waits for the connection, and fails with DEADLINE_EXCEEDED after kWatchdog.

  Result<GetVersionReply> get_version();
  Result<GetSpacesReply> get_spaces();
  Result<StartSessionReply> start_session(const StartSessionRequest& request);
  Result<ForkSessionReply> fork_session(std::int64_t session);
  Result<EndSessionReply> end_session(std::int64_t session);
  Result<EndSessionReply> end_session(const EndSessionRequest& request);
  Result<StepReply> step(const StepRequest& request);
  Result<AddBenchmarkReply> add_benchmark(const AddBenchmarkRequest& request);
  Result<SendSessionParameterReply> send_session_parameter(
      const SendSessionParameterRequest& request);

  /// `uri` with a small program.
  Result<StartSessionReply> start_session(const std::string& uri = "benchmark://test/1");
  Result<StepReply> step(std::int64_t session, const std::vector<std::int64_t>& actions,
                         const std::vector<int>& observations = {});
  Result<SendSessionParameterReply> send_session_parameter(std::int64_t session,
                                                           const std::string& key,
                                                           const std::string& value = "");

  /// Any bytes to any method of the service: the status that comes back.
  grpc::Status call(const std::string& method, const std::string& request_bytes);

 private:
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<CompilerGymService::Stub> stub_;
};

/// `OK`, or the code and the details.
template <typename Reply>
std::string outcome(const Result<Reply>& result) {
  return result ? "OK" : to_string(result.error());
}

}  // namespace compiler_gym::testing
