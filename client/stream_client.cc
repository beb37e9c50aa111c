#include "client/stream_client.h"

namespace compiler_gym {

StreamClient::StreamClient(CompletionQueuePump& pump, std::shared_ptr<grpc::Channel> channel,
                           const std::string& token)
    : pump_(&pump),
      connection_(std::make_shared<internal::StreamConnection>(pump, std::move(channel),
                                                               authorization_of(token))) {
  connection_->start();
}

StreamClient::~StreamClient() {
  connection_->cancel();  // has no effect on a stream that has ended
}

grpc::Status StreamClient::to_status(const StreamError& error) {
  return {static_cast<grpc::StatusCode>(error.code()), error.message(), error.SerializeAsString()};
}

}  // namespace compiler_gym
