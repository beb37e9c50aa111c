// What a client shows to a service that does not let everybody in.
#pragma once

#include <string>

#include "core/support/status.h"

namespace compiler_gym {

/// Contents, not files. Without any, the connection is plain.
struct ClientCredentials {
  /// PEM: the certificates that vouch for the service. With them the connection is TLS.
  std::string tls_ca{};
  /// PEM: the client's own certificate and key, for a service that wants one (mutual TLS).
  std::string tls_certificate{};
  std::string tls_key{};
  /// Sent with every call, as `authorization: Bearer <token>`.
  std::string token{};
};

/// The `authorization` that a call shows a token with; empty without one.
[[nodiscard]] inline std::string authorization_of(const std::string& token) {
  return token.empty() ? "" : "Bearer " + token;
}

/// Paths; those that are empty stand for nothing.
struct ClientCredentialFiles {
  std::string tls_ca{};
  std::string tls_certificate{};
  std::string tls_key{};
  std::string token{};
};

/// Blocks. INVALID_ARGUMENT with the path and what is wrong, or if a certificate comes without its
/// key or without a CA.
[[nodiscard]] Result<ClientCredentials> read_client_credentials(const ClientCredentialFiles& files);

}  // namespace compiler_gym
