// The service's own server in the caller's process.
#pragma once

#include <grpcpp/channel.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/filesystem/path.hpp>
#include <future>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "async_server/server.h"
#include "core/support/logger.h"
#include "core/support/status.h"

namespace compiler_gym {

/// A Server and the two threads that run it. Its sessions are inline: what isolates them has to be
/// forked before there are threads.
/// Threads:  every member may be called from any thread.
/// Lifetime: no call on channel() may be under way when it is destroyed, nor be started later.
class HostedServer {
 public:
  /// `listen` as in ServerOptions; without any it is reached by its in-process channel only.
  /// Errors: why the server could not start.
  [[nodiscard]] static Result<std::unique_ptr<HostedServer>> start(
      ServicePlugin plugin, const boost::filesystem::path& working_directory,
      std::vector<std::string> listen = {});

  HostedServer(const HostedServer&) = delete;
  HostedServer& operator=(const HostedServer&) = delete;
  ~HostedServer();

  [[nodiscard]] std::shared_ptr<grpc::Channel> channel() { return server_.in_process_channel(); }
  /// What it listens on.
  [[nodiscard]] std::vector<std::string> addresses() const { return server_.addresses(); }

 private:
  HostedServer(ServicePlugin plugin, ServerOptions options);

  const std::unique_ptr<Logger> logger_ = make_silent_logger();
  boost::asio::io_context io_context_{2};
  Server server_;
  std::future<grpc::Status> ended_;
  std::array<std::jthread, 2> threads_;  // last: they use what is above
};

}  // namespace compiler_gym
