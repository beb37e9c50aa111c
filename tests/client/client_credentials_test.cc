#include "client/client_credentials.h"

#include <gtest/gtest.h>

#include <boost/filesystem/operations.hpp>
#include <fstream>

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

class ClientCredentialsTest : public ::testing::Test {
 protected:
  ClientCredentialsTest() { fs::create_directories(directory_); }
  ~ClientCredentialsTest() override { fs::remove_all(directory_); }

  std::string write(const std::string& name, const std::string& content) const {
    std::ofstream((directory_ / name).string()) << content;
    return (directory_ / name).string();
  }
  static std::string error(const ClientCredentialFiles& files) {
    const auto credentials = read_client_credentials(files);
    return credentials ? "OK" : to_string(credentials.error());
  }

  const fs::path directory_ = fs::temp_directory_path() / fs::unique_path();
};

TEST_F(ClientCredentialsTest, AreWhatIsInTheFiles) {
  const auto credentials = read_client_credentials({.tls_ca = write("ca", "c a"),
                                                    .tls_certificate = write("cert", "cert"),
                                                    .tls_key = write("key", "key"),
                                                    .token = write("token", "a token \n")});
  ASSERT_TRUE(credentials) << to_string(credentials.error());
  EXPECT_EQ(credentials->tls_ca, "c a");
  EXPECT_EQ(credentials->tls_certificate, "cert");
  EXPECT_EQ(credentials->tls_key, "key");
  EXPECT_EQ(credentials->token, "a token");
}

TEST_F(ClientCredentialsTest, AreNoneWithoutFiles) {
  const auto credentials = read_client_credentials({});
  ASSERT_TRUE(credentials);
  EXPECT_EQ(credentials->tls_ca + credentials->token, "");
}

TEST_F(ClientCredentialsTest, ThatMakeNoSenseAreNamed) {
  const std::string some = write("some", "some");
  EXPECT_EQ(error({.tls_ca = some, .tls_certificate = some}),
            "INVALID_ARGUMENT: a client's certificate and key are needed together");
  EXPECT_EQ(error({.tls_certificate = some, .tls_key = some}),
            "INVALID_ARGUMENT: a client's certificate needs the CA of the service's");
  EXPECT_EQ(error({.tls_ca = "/missing"}),
            "INVALID_ARGUMENT: cannot read /missing: No such file or directory");
  EXPECT_EQ(error({.tls_ca = "/proc"}), "INVALID_ARGUMENT: cannot read /proc: Is a directory");
  EXPECT_EQ(error({.token = write("t", "\n")}),
            "INVALID_ARGUMENT: " + (directory_ / "t").string() + " is empty");
}

}  // namespace
}  // namespace compiler_gym
