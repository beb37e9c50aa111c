#include "bench/hosted/hosted_server.h"

#include <boost/asio/use_future.hpp>
#include <utility>

namespace compiler_gym {

Result<std::unique_ptr<HostedServer>> HostedServer::start(
    ServicePlugin plugin, const boost::filesystem::path& working_directory,
    std::vector<std::string> listen) {
  ServerOptions options;
  options.listen = std::move(listen);
  options.working_directory = working_directory;
  options.max_wait.reset();               // there are two threads
  options.context.state_graph_bytes = 0;  // what is measured is serving, not knowing the answer
  std::unique_ptr<HostedServer> hosted(new HostedServer(std::move(plugin), std::move(options)));
  grpc::Status started = hosted->server_.async_started(boost::asio::use_future).get();
  if (!started.ok()) {
    return started;
  }
  return hosted;
}

HostedServer::HostedServer(ServicePlugin plugin, ServerOptions options)
    : server_(io_context_, std::move(plugin), std::move(options), *logger_),
      ended_(server_.async_run(boost::asio::use_future)) {
  for (std::jthread& thread : threads_) {
    thread = std::jthread([this] { io_context_.run(); });
  }
}

HostedServer::~HostedServer() {
  server_.async_drain(std::chrono::seconds(5), [](const grpc::Status&) {});
  ended_.wait();
  for (std::jthread& thread : threads_) {
    thread.join();  // before the server goes
  }
}

}  // namespace compiler_gym
