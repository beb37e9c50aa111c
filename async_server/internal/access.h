// Lets those in who may call.
#pragma once

#include <grpcpp/security/server_credentials.h>
#include <grpcpp/server_context.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "async_server/access_options.h"
#include "async_server/internal/listen_address.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// What AccessOptions come to once their files are read.
/// Threads: after load(), every member may be called from any thread.
class Access {
 public:
  /// In the clear, for everybody.
  Access() = default;

  /// Blocks.
  /// Errors: INVALID_ARGUMENT with the flag, the file and what is wrong with it; or an address that
  ///         other machines can reach and nothing protects.
  [[nodiscard]] static Result<Access> load(const AccessOptions& options,
                                           const std::vector<std::string>& addresses);

  [[nodiscard]] std::shared_ptr<grpc::ServerCredentials> credentials(
      const ListenAddress& address) const;

  /// UNAUTHENTICATED unless the call carries the token, if there is one. How long it takes does not
  /// tell how much of a wrong token is right.
  [[nodiscard]] grpc::Status check(const grpc::ServerContext& rpc_context) const;

 private:
  Access(std::shared_ptr<grpc::ServerCredentials> tls, std::string token)
      : tls_(std::move(tls)), token_(std::move(token)) {}

  std::shared_ptr<grpc::ServerCredentials> tls_;  // null: none
  std::string token_;                             // empty: none
};

}  // namespace compiler_gym::internal
