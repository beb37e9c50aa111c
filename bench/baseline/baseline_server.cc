#include "bench/baseline/baseline_server.h"

#include <fmt/ranges.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/support/channel_arguments.h>

#include "bench/baseline/bare_server.h"
#include "bench/baseline/sync_server.h"

namespace compiler_gym {
namespace {

constexpr int kMaxMetadataBytes = 512 * 1024;  // as the service has it

std::unique_ptr<BaselineServer> make(BaselineKind kind, CompilerHost& host) {
  switch (kind) {
    case BaselineKind::kSync:
      return std::make_unique<SyncServer>(host, Lookup::kUnderTheMutex);
    case BaselineKind::kSyncApart:
      return std::make_unique<SyncServer>(host, Lookup::kApart);
    case BaselineKind::kBare:
      break;
  }
  return std::make_unique<BareServer>(host);
}

}  // namespace

Result<BaselineKind> parse_baseline_kind(std::string_view name) {
  if (name == "sync") {
    return BaselineKind::kSync;
  }
  if (name == "sync-apart") {
    return BaselineKind::kSyncApart;
  }
  if (name == "bare") {
    return BaselineKind::kBare;
  }
  return invalid_argument("'" + std::string(name) + "' is none of sync, sync-apart and bare");
}

Result<std::unique_ptr<BaselineServer>> BaselineServer::start(
    BaselineKind kind, CompilerHost& host, const std::vector<std::string>& listen) {
  std::unique_ptr<BaselineServer> server = make(kind, host);
  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(-1);
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  std::vector<int> ports(listen.size(), 0);
  for (std::size_t i = 0; i < listen.size(); ++i) {
    builder.AddListeningPort(listen[i], grpc::InsecureServerCredentials(), &ports[i]);
  }
  server->server_ = server->build(builder);
  if (server->server_ == nullptr) {
    return unavailable(fmt::format("cannot listen on {}", fmt::join(listen, ", ")));
  }
  for (std::size_t i = 0; i < listen.size() && server->port_ == 0; ++i) {
    server->port_ = listen[i].starts_with("unix:") ? 0 : ports[i];
  }
  return server;
}

std::shared_ptr<grpc::Channel> BaselineServer::in_process_channel() {
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  return server_->InProcessChannel(arguments);
}

}  // namespace compiler_gym
