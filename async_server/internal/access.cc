#include "async_server/internal/access.h"

#include <fmt/core.h>
#include <grpcpp/support/string_ref.h>
#include <openssl/crypto.h>

#include <boost/asio/buffer.hpp>
#include <boost/asio/ip/address.hpp>
#include <boost/asio/ssl/context.hpp>
#include <string_view>

#include "core/posix/credential_file.h"

namespace compiler_gym::internal {
namespace {

namespace asio = boost::asio;
namespace fs = boost::filesystem;
namespace ssl = asio::ssl;

constexpr std::string_view kScheme = "Bearer ";

grpc::Status unauthenticated(const std::string& message) {
  return {grpc::StatusCode::UNAUTHENTICATED, message};
}

// Empty if there is no path.
Result<std::string> read(const char* flag, const fs::path& path,
                         Result<std::string> (*reader)(const std::string&)) {
  if (path.empty()) {
    return std::string();
  }
  Result<std::string> content = reader(path.string());
  if (!content) {
    return invalid_argument(fmt::format("--{}: {}", flag, content.error().error_message()));
  }
  return content;
}

grpc::Status unusable(const char* flag, const fs::path& path,
                      const boost::system::error_code& error) {
  return invalid_argument(
      fmt::format("--{}: cannot use {}: {}", flag, path.string(), error.message()));
}

// Puts the files into a TLS context as gRPC will: it says no more of what it does not like than
// that there is no server.
grpc::Status check_tls(const AccessOptions& options,
                       const grpc::SslServerCredentialsOptions& contents) {
  const auto& pair = contents.pem_key_cert_pairs.front();
  ssl::context context(ssl::context::tls_server);
  // A key under a password would have OpenSSL ask for it on the terminal.
  context.set_password_callback(
      [](std::size_t, ssl::context::password_purpose) { return std::string(); });
  boost::system::error_code error;
  context.use_certificate_chain(asio::buffer(pair.cert_chain), error);
  if (error) {
    return unusable("tls_cert", options.tls_certificate, error);
  }
  context.use_private_key(asio::buffer(pair.private_key), ssl::context::pem, error);
  if (error) {
    return unusable("tls_key", options.tls_key, error);
  }
  if (!contents.pem_root_certs.empty()) {
    context.add_certificate_authority(asio::buffer(contents.pem_root_certs), error);
    if (error) {
      return unusable("tls_client_ca", options.tls_client_ca, error);
    }
  }
  return grpc::Status::OK;
}

// Null if no TLS is asked for.
Result<std::shared_ptr<grpc::ServerCredentials>> load_tls(const AccessOptions& options) {
  if (options.tls_certificate.empty() != options.tls_key.empty()) {
    return invalid_argument("--tls_cert and --tls_key are needed together");
  }
  if (options.tls_certificate.empty()) {
    if (!options.tls_client_ca.empty()) {
      return invalid_argument("--tls_client_ca needs --tls_cert and --tls_key");
    }
    return std::shared_ptr<grpc::ServerCredentials>();
  }
  const auto certificate = read("tls_cert", options.tls_certificate, &read_credential_file);
  const auto key = read("tls_key", options.tls_key, &read_credential_file);
  const auto client_ca = read("tls_client_ca", options.tls_client_ca, &read_credential_file);
  for (const auto* content : {&certificate, &key, &client_ca}) {
    if (!*content) {
      return content->error();
    }
  }
  grpc::SslServerCredentialsOptions contents;
  contents.pem_key_cert_pairs.push_back({*key, *certificate});
  if (!client_ca->empty()) {
    contents.pem_root_certs = *client_ca;
    contents.client_certificate_request =
        GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY;
  }
  if (const grpc::Status usable = check_tls(options, contents); !usable.ok()) {
    return usable;
  }
  return grpc::SslServerCredentials(contents);
}

// A name other than localhost may stand for anything.
bool is_of_this_machine(const ListenAddress& address) {
  if (address.is_unix() || address.host == "localhost") {
    return true;
  }
  boost::system::error_code error;
  const auto numeric = asio::ip::make_address(address.host, error);
  return !error && numeric.is_loopback();
}

}  // namespace

Result<Access> Access::load(const AccessOptions& options,
                            const std::vector<std::string>& addresses) {
  Result<std::shared_ptr<grpc::ServerCredentials>> tls = load_tls(options);
  if (!tls) {
    return tls.error();
  }
  Result<std::string> token = read("token_file", options.token_file, &read_token_file);
  if (!token) {
    return token.error();
  }
  for (const std::string& text : addresses) {
    const Result<ListenAddress> address = parse_listen_address(text);
    if (!address) {
      return address.error();
    }
    if (!is_of_this_machine(*address) && *tls == nullptr && token->empty() && !options.insecure) {
      return invalid_argument(fmt::format(
          "other machines can reach {}: protect it with --tls_cert or --token_file, or let "
          "everybody in with --insecure",
          text));
    }
  }
  return Access(*std::move(tls), *std::move(token));
}

std::shared_ptr<grpc::ServerCredentials> Access::credentials(const ListenAddress& address) const {
  return tls_ == nullptr || address.is_unix() ? grpc::InsecureServerCredentials() : tls_;
}

grpc::Status Access::check(const grpc::ServerContext& rpc_context) const {
  if (token_.empty()) {
    return grpc::Status::OK;
  }
  const auto& metadata = rpc_context.client_metadata();
  const auto found = metadata.find("authorization");
  if (found == metadata.end()) {
    return unauthenticated("The call carries no 'authorization: Bearer <token>'");
  }
  const std::string_view value(found->second.data(), found->second.size());
  if (!value.starts_with(kScheme) || value.size() != kScheme.size() + token_.size() ||
      CRYPTO_memcmp(value.data() + kScheme.size(), token_.data(), token_.size()) != 0) {
    return unauthenticated("The call's 'authorization: Bearer <token>' is not this service's");
  }
  return grpc::Status::OK;
}

}  // namespace compiler_gym::internal
