// Where a server can be reached, for whoever asks.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "async_server/internal/listener.h"

namespace compiler_gym::internal {

/// Threads:  every member may be called from any thread.
/// Lifetime: withdraw() must have been called before the announced server is destroyed.
class ServerAddresses {
 public:
  /// From here on the server takes calls.
  void announce(grpc::Server& server, Reachable reachable);
  /// From here on it takes none; the addresses stay known.
  void withdraw();

  [[nodiscard]] std::vector<std::string> addresses() const;
  [[nodiscard]] int port() const;
  /// Null unless the server takes calls.
  [[nodiscard]] std::shared_ptr<grpc::Channel> in_process_channel();

 private:
  mutable std::mutex mutex_;
  grpc::Server* server_ = nullptr;  // while it takes calls
  Reachable reachable_;
};

}  // namespace compiler_gym::internal
