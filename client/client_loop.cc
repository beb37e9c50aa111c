#include "client/client_loop.h"

#include <grpcpp/completion_queue.h>

#include <boost/asio/detached.hpp>
#include <memory>

namespace compiler_gym {

ClientLoop::ClientLoop()
    : pump_(io_context_, std::make_unique<grpc::CompletionQueue>(), {.max_wait = std::nullopt}) {
  // The pump keeps io_context::run() going until it has been shut down; the threads are joined
  // after that, so nothing here is left unwatched.
  pump_.async_run(boost::asio::detached);
  for (int i = 0; i < 2; ++i) {
    threads_.emplace_back([this] { io_context_.run(); });
  }
}

ClientLoop::~ClientLoop() {
  pump_.shutdown();
}

}  // namespace compiler_gym
