#include "bench/compare/hosted_server.h"

#include <boost/asio/use_future.hpp>
#include <utility>

namespace compiler_gym {
namespace {

ServerOptions options_for(const boost::filesystem::path& working_directory) {
  ServerOptions options;
  options.listen = {};
  options.working_directory = working_directory;
  return options;
}

}  // namespace

Result<std::unique_ptr<HostedServer>> HostedServer::start(
    ServicePlugin plugin, const boost::filesystem::path& working_directory) {
  std::unique_ptr<HostedServer> hosted(new HostedServer(std::move(plugin), working_directory));
  grpc::Status started = hosted->server_.async_started(boost::asio::use_future).get();
  if (!started.ok()) {
    return started;
  }
  return hosted;
}

HostedServer::HostedServer(ServicePlugin plugin, const boost::filesystem::path& working_directory)
    : server_(io_context_, std::move(plugin), options_for(working_directory), *logger_),
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
