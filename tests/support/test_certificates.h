// Certificates for tests of TLS, made when they are needed: nothing to keep secret, nothing to
// expire.
#pragma once

#include <openssl/types.h>

#include <memory>
#include <string>

namespace compiler_gym::testing {

/// PEM.
struct CertificateAndKey {
  std::string certificate;
  std::string key;
};

/// Signs certificates. What it signs is good for a day, for `localhost` and 127.0.0.1.
class TestAuthority {
 public:
  TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;
  ~TestAuthority();

  /// For a server or a client.
  [[nodiscard]] CertificateAndKey issue() const;
  /// Its own certificate, for those who are to trust it. PEM.
  [[nodiscard]] std::string certificate() const;

 private:
  std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)> key_;
  std::unique_ptr<X509, void (*)(X509*)> certificate_;
};

}  // namespace compiler_gym::testing
