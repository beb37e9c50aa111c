// gRPC's server, from the options to the addresses it can be reached at.
#pragma once

#include <grpcpp/server.h>
#include <grpcpp/server_builder.h>

#include <memory>
#include <string>
#include <vector>

#include "async_server/internal/access.h"
#include "async_server/internal/connection_acceptor.h"
#include "async_server/server.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

struct Reachable {
  std::vector<std::string> addresses;  ///< as ServerOptions::listen, with the ports that were found
  int port = 0;                        ///< of the first TCP address; 0 if there is none
};

struct Listener {
  std::unique_ptr<grpc::Server> server;
  Reachable reachable;
};

/// Starts what `builder` builds, with those of the options that gRPC enforces; connections come from
/// the acceptor, once that is started. Blocks.
/// Errors: UNAVAILABLE or INTERNAL with the address and the reason. The builder's queues are the
///         caller's to shut down then too.
[[nodiscard]] Result<Listener> start_listening(grpc::ServerBuilder& builder,
                                               const ServerOptions& options, const Access& access,
                                               ConnectionAcceptor& acceptor);

}  // namespace compiler_gym::internal
