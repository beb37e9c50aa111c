// Who may call a service, and from where.
#pragma once

#include <boost/filesystem/path.hpp>

namespace compiler_gym {

/// Files are read once, before the service's context is initialised. By default everybody on this
/// machine may call over TCP, this user alone over unix sockets, and nobody from elsewhere.
struct AccessOptions {
  /// PEM: the certificate, with those between it and the root, and its key. With them TCP addresses
  /// speak TLS only. Unix sockets never do: their file's permissions guard them.
  boost::filesystem::path tls_certificate;
  boost::filesystem::path tls_key;
  /// PEM: clients need a certificate that one of these has signed (mutual TLS).
  boost::filesystem::path tls_client_ca;
  /// Every call, on every address, must carry `authorization: Bearer <the file's content>`. White
  /// space at its end does not count.
  boost::filesystem::path token_file;
  /// Listen without TLS and without a token also where other machines can connect.
  bool insecure = false;
  /// Permissions of unix sockets' files.
  unsigned unix_socket_mode = 0600;
};

}  // namespace compiler_gym
