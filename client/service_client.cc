#include "client/service_client.h"

#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <grpcpp/support/channel_arguments.h>

namespace compiler_gym {
namespace {

std::shared_ptr<grpc::ChannelCredentials> for_channel(const ClientCredentials& credentials) {
  if (credentials.tls_ca.empty()) {
    return grpc::InsecureChannelCredentials();
  }
  return grpc::SslCredentials(
      {credentials.tls_ca, credentials.tls_key, credentials.tls_certificate});
}

}  // namespace

std::shared_ptr<grpc::Channel> make_channel(const std::string& target,
                                            const ClientCredentials& credentials) {
  constexpr int kMaxMetadataBytes = 512 * 1024;
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(-1);
  arguments.SetMaxSendMessageSize(-1);
  arguments.SetInt(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
  // Otherwise gRPC gives channels of equal target and arguments one connection between them.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  return grpc::CreateCustomChannel(target, for_channel(credentials), arguments);
}

}  // namespace compiler_gym
