#include "async_server/internal/server_addresses.h"

#include <grpcpp/support/channel_arguments.h>

#include <utility>

namespace compiler_gym::internal {

void ServerAddresses::announce(grpc::Server& server, Reachable reachable) {
  const std::lock_guard lock(mutex_);
  server_ = &server;
  reachable_ = std::move(reachable);
}

void ServerAddresses::withdraw() {
  const std::lock_guard lock(mutex_);
  server_ = nullptr;
}

std::vector<std::string> ServerAddresses::addresses() const {
  const std::lock_guard lock(mutex_);
  return reachable_.addresses;
}

int ServerAddresses::port() const {
  const std::lock_guard lock(mutex_);
  return reachable_.port;
}

std::shared_ptr<grpc::Channel> ServerAddresses::in_process_channel() {
  const std::lock_guard lock(mutex_);
  return server_ == nullptr ? nullptr : server_->InProcessChannel(grpc::ChannelArguments());
}

}  // namespace compiler_gym::internal
