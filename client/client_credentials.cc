#include "client/client_credentials.h"

#include <utility>

#include "core/posix/credential_file.h"

namespace compiler_gym {
namespace {

grpc::Status read(Result<std::string> (*reader)(const std::string&), const std::string& path,
                  std::string& content) {
  if (path.empty()) {
    return grpc::Status::OK;
  }
  Result<std::string> read = reader(path);
  if (!read) {
    return read.error();
  }
  content = *std::move(read);
  return grpc::Status::OK;
}

}  // namespace

Result<ClientCredentials> read_client_credentials(const ClientCredentialFiles& files) {
  if (files.tls_certificate.empty() != files.tls_key.empty()) {
    return invalid_argument("a client's certificate and key are needed together");
  }
  if (files.tls_ca.empty() && !files.tls_key.empty()) {
    return invalid_argument("a client's certificate needs the CA of the service's");
  }
  ClientCredentials credentials;
  for (const grpc::Status& status : {
           read(&read_credential_file, files.tls_ca, credentials.tls_ca),
           read(&read_credential_file, files.tls_certificate, credentials.tls_certificate),
           read(&read_credential_file, files.tls_key, credentials.tls_key),
           read(&read_token_file, files.token, credentials.token),
       }) {
    if (!status.ok()) {
      return status;
    }
  }
  return credentials;
}

}  // namespace compiler_gym
