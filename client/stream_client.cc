#include "client/stream_client.h"

#include "client/internal/stream_connection.h"

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

void StreamClient::send(internal::StreamConnection& connection, StreamRequest request,
                        AnswerHandler handler) {
  connection.send(std::move(request), std::move(handler));
}

void StreamClient::close(internal::StreamConnection& connection, StatusHandler handler) {
  connection.close(std::move(handler));
}

grpc::Status StreamClient::to_status(const StreamError& error) {
  return {static_cast<grpc::StatusCode>(error.code()), error.message(), error.SerializeAsString()};
}

}  // namespace compiler_gym
