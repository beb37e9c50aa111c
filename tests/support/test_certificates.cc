#include "tests/support/test_certificates.h"

#include <openssl/bio.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>

#include <stdexcept>
#include <utility>
#include <vector>

namespace compiler_gym::testing {
namespace {

using Key = std::unique_ptr<EVP_PKEY, void (*)(EVP_PKEY*)>;
using Certificate = std::unique_ptr<X509, void (*)(X509*)>;
using Extensions = std::vector<std::pair<int, const char*>>;

void require(bool done) {
  if (!done) {
    throw std::runtime_error("OpenSSL cannot make a certificate");
  }
}

Key make_key() {
  Key key(EVP_EC_gen("P-256"), &EVP_PKEY_free);
  require(key != nullptr);
  return key;
}

// Signed by itself if there is no issuer.
Certificate make_certificate(const char* name, EVP_PKEY* key, X509* issuer, EVP_PKEY* issuer_key,
                             const Extensions& extensions) {
  constexpr long kHour = 3600;
  Certificate certificate(X509_new(), &X509_free);
  X509* const made = certificate.get();
  require(made != nullptr && X509_set_version(made, X509_VERSION_3) == 1 &&
          ASN1_INTEGER_set(X509_get_serialNumber(made), issuer == nullptr ? 1 : 2) == 1 &&
          X509_gmtime_adj(X509_getm_notBefore(made), -kHour) != nullptr &&
          X509_gmtime_adj(X509_getm_notAfter(made), 24 * kHour) != nullptr &&
          X509_set_pubkey(made, key) == 1);
  X509_NAME* const subject = X509_get_subject_name(made);
  require(X509_NAME_add_entry_by_txt(subject, "CN", MBSTRING_ASC,
                                     reinterpret_cast<const unsigned char*>(name), -1, -1, 0) == 1);
  X509* const signer = issuer == nullptr ? made : issuer;
  require(X509_set_issuer_name(made, X509_get_subject_name(signer)) == 1);
  X509V3_CTX context;
  X509V3_set_ctx_nodb(&context);
  X509V3_set_ctx(&context, signer, made, nullptr, nullptr, 0);
  for (const auto& [nid, value] : extensions) {
    const std::unique_ptr<X509_EXTENSION, void (*)(X509_EXTENSION*)> extension(
        X509V3_EXT_conf_nid(nullptr, &context, nid, value), &X509_EXTENSION_free);
    require(extension != nullptr && X509_add_ext(made, extension.get(), -1) == 1);
  }
  require(X509_sign(made, issuer_key, EVP_sha256()) > 0);
  return certificate;
}

template <typename Write>
std::string to_pem(Write write) {
  const std::unique_ptr<BIO, int (*)(BIO*)> memory(BIO_new(BIO_s_mem()), &BIO_free);
  require(memory != nullptr && write(memory.get()) == 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(memory.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

std::string to_pem(X509* certificate) {
  return to_pem([&](BIO* memory) { return PEM_write_bio_X509(memory, certificate); });
}

}  // namespace

TestAuthority::TestAuthority()
    : key_(make_key()),
      certificate_(make_certificate("test authority", key_.get(), nullptr, key_.get(),
                                    {{NID_basic_constraints, "critical,CA:TRUE"},
                                     {NID_key_usage, "critical,keyCertSign"},
                                     {NID_subject_key_identifier, "hash"}})) {}

TestAuthority::~TestAuthority() = default;

CertificateAndKey TestAuthority::issue() const {
  const Key key = make_key();
  const Certificate certificate =
      make_certificate("localhost", key.get(), certificate_.get(), key_.get(),
                       {{NID_basic_constraints, "critical,CA:FALSE"},
                        {NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1"}});
  return {.certificate = to_pem(certificate.get()), .key = to_pem([&](BIO* memory) {
                                                      return PEM_write_bio_PrivateKey(
                                                          memory, key.get(), nullptr, nullptr, 0,
                                                          nullptr, nullptr);
                                                    })};
}

std::string TestAuthority::certificate() const {
  return to_pem(certificate_.get());
}

}  // namespace compiler_gym::testing
