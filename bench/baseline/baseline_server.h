// A server that ours is compared with.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "bench/baseline/compiler_host.h"
#include "core/support/status.h"

namespace compiler_gym {

enum class BaselineKind {
  kSync,       ///< `sync`: gRPC's synchronous server, Lookup::kUnderTheMutex
  kSyncApart,  ///< `sync-apart`: the same, Lookup::kApart
  kBare,       ///< `bare`: one thread, one completion queue, nothing else
};

/// INVALID_ARGUMENT for a name that is none of these.
[[nodiscard]] Result<BaselineKind> parse_baseline_kind(std::string_view name);

/// A running server. Destroying it cancels the calls under way and ends the sessions.
/// Threads: every member may be called from any thread but those that serve.
class BaselineServer {
 public:
  /// `listen` as in ServerOptions; empty: by in_process_channel() only. The host must outlive the
  /// server. Errors: UNAVAILABLE if an address is not to be had.
  [[nodiscard]] static Result<std::unique_ptr<BaselineServer>> start(
      BaselineKind kind, CompilerHost& host, const std::vector<std::string>& listen);

  BaselineServer(const BaselineServer&) = delete;
  BaselineServer& operator=(const BaselineServer&) = delete;
  virtual ~BaselineServer() = default;

  /// Of the first TCP address; 0 if there is none.
  [[nodiscard]] int port() const { return port_; }
  [[nodiscard]] std::shared_ptr<grpc::Channel> in_process_channel();

 protected:
  BaselineServer() = default;

  /// Adds what the kind needs and starts serving. The builder has the addresses.
  [[nodiscard]] virtual std::unique_ptr<grpc::Server> build(grpc::ServerBuilder& builder) = 0;
  /// The server, which a derived class must shut down and destroy.
  [[nodiscard]] std::unique_ptr<grpc::Server>& server() { return server_; }

 private:
  std::unique_ptr<grpc::Server> server_;
  int port_ = 0;
};

}  // namespace compiler_gym
