// The service's own server in the caller's process.
#pragma once

#include <grpcpp/channel.h>

#include <array>
#include <boost/asio/io_context.hpp>
#include <boost/filesystem/path.hpp>
#include <future>
#include <memory>
#include <thread>

#include "async_server/server.h"
#include "core/logger.h"
#include "core/status.h"

namespace compiler_gym {

/// A Server that is reached by its in-process channel only, and the two threads that run it. Its
/// sessions are inline: what isolates them has to be forked before there are threads.
/// Threads:  every member may be called from any thread.
/// Lifetime: no call on channel() may be under way when it is destroyed, nor be started later.
class HostedServer {
 public:
  /// Errors: why the server could not start.
  [[nodiscard]] static Result<std::unique_ptr<HostedServer>> start(
      ServicePlugin plugin, const boost::filesystem::path& working_directory);

  HostedServer(const HostedServer&) = delete;
  HostedServer& operator=(const HostedServer&) = delete;
  ~HostedServer();

  [[nodiscard]] std::shared_ptr<grpc::Channel> channel() { return server_.in_process_channel(); }

 private:
  HostedServer(ServicePlugin plugin, const boost::filesystem::path& working_directory);

  const std::unique_ptr<Logger> logger_ = make_silent_logger();
  boost::asio::io_context io_context_{2};
  Server server_;
  std::future<grpc::Status> ended_;
  std::array<std::jthread, 2> threads_;  // last: they use what is above
};

}  // namespace compiler_gym
