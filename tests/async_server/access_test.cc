// Who is let in, and what is said to those who are not.
#include "async_server/internal/access.h"

#include <gmock/gmock.h>
#include <grpcpp/create_channel.h>
#include <sys/stat.h>

#include <boost/asio/local/stream_protocol.hpp>
#include <boost/filesystem/operations.hpp>
#include <fstream>

#include "tests/async_server/server_fixture.h"
#include "tests/support/test_certificates.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::StartsWith;

/// A directory of the test's own, for the files that options name.
class TestFiles {
 public:
  TestFiles()
      : directory_(fs::temp_directory_path() / fs::unique_path("cg-access-%%%%-%%%%-%%%%")) {
    fs::create_directories(directory_);
  }
  TestFiles(const TestFiles&) = delete;
  TestFiles& operator=(const TestFiles&) = delete;
  ~TestFiles() { fs::remove_all(directory_); }

  [[nodiscard]] const fs::path& directory() const { return directory_; }
  [[nodiscard]] fs::path path(const std::string& name) const { return directory_ / name; }
  fs::path write(const std::string& name, const std::string& content) const {
    std::ofstream(path(name).string(), std::ios::binary) << content;
    return path(name);
  }

 private:
  const fs::path directory_;
};

class AccessTest : public ServerFixture {
 protected:
  ~AccessTest() override {
    if (outcome.valid()) {
      EXPECT_TRUE(drain_and_join().ok());
    }
  }

  /// How a GetVersion to the first address ends.
  grpc::Status call(const ClientCredentials& credentials) {
    return call(server->addresses().front(), credentials);
  }
  grpc::Status call(const std::string& address, const ClientCredentials& credentials) {
    ServiceClient caller(loop_.pump(), address, credentials);
    const auto reply =
        get_within_watchdog(caller.get_version({.timeout = kWatchdog}, boost::asio::use_future));
    return reply ? grpc::Status::OK : reply.error();
  }

  TestFiles files_;
  ServerOptions options_ = default_options();
};

// ----------------------------------------------------------------------------------------- tokens

class TokenTest : public AccessTest {
 protected:
  /// How a GetVersion with this header ends; none if it is null.
  grpc::Status call_with(const char* authorization) {
    const auto stub = CompilerGymService::NewStub(make_channel(server->addresses().front()));
    grpc::ClientContext rpc_context;
    rpc_context.set_deadline(std::chrono::system_clock::now() + kWatchdog);
    if (authorization != nullptr) {
      rpc_context.AddMetadata("authorization", authorization);
    }
    GetVersionReply reply;
    return stub->GetVersion(&rpc_context, GetVersionRequest(), &reply);
  }
};

TEST_F(TokenTest, OpensTheServiceToThoseWhoSendIt) {
  options_.access.token_file = files_.write("token", "open sesame\n");
  serve(options_);
  EXPECT_EQ(to_string(call_with("Bearer open sesame")), "OK");
  EXPECT_EQ(to_string(call_with(nullptr)),
            "UNAUTHENTICATED: The call carries no 'authorization: Bearer <token>'");
  for (const char* wrong : {"Bearer open sesame ", "Bearer open sesam", "Bearer open sesamE",
                            "bearer open sesame", "open sesame", "Bearer ", ""}) {
    EXPECT_EQ(to_string(call_with(wrong)),
              "UNAUTHENTICATED: The call's 'authorization: Bearer <token>' is not this service's")
        << "'" << wrong << "'";
  }
}

TEST_F(TokenTest, IsAskedOfEveryMethodOnEveryAddress) {
  options_.access.token_file = files_.write("token", "open sesame");
  options_.listen = {"unix:" + files_.path("socket").string(), "127.0.0.1:0"};
  serve(options_);
  for (const std::string& address : server->addresses()) {
    EXPECT_TRUE(call(address, {.token = "open sesame"}).ok()) << address;
    EXPECT_EQ(call(address, {}).error_code(), grpc::StatusCode::UNAUTHENTICATED) << address;
  }
  const auto code = [](const auto& reply) { return reply.error().error_code(); };
  constexpr auto kFuture = boost::asio::use_future;
  constexpr auto kRefused = grpc::StatusCode::UNAUTHENTICATED;
  EXPECT_EQ(code(get_within_watchdog(client->get_spaces({}, kFuture))), kRefused);
  EXPECT_EQ(code(get_within_watchdog(start_session())), kRefused);
  EXPECT_EQ(code(get_within_watchdog(step(0, {}))), kRefused);
  EXPECT_EQ(code(get_within_watchdog(fork_session(0))), kRefused);
  EXPECT_EQ(code(get_within_watchdog(end_session(0))), kRefused);
  EXPECT_EQ(code(get_within_watchdog(client->add_benchmark({}, {}, kFuture))), kRefused);
  EXPECT_EQ(code(get_within_watchdog(client->send_session_parameter({}, {}, kFuture))), kRefused);
  EXPECT_EQ(server->session_count(), 0U);
}

// -------------------------------------------------------------------------------------------- TLS

class TlsTest : public AccessTest {
 protected:
  /// serve() with a certificate that authority_ signed.
  void serve_tls() {
    const CertificateAndKey own = authority_.issue();
    options_.access.tls_certificate = files_.write("cert.pem", own.certificate);
    options_.access.tls_key = files_.write("key.pem", own.key);
    serve(options_);
  }
  [[nodiscard]] ClientCredentials trusting() const { return {.tls_ca = authority_.certificate()}; }
  [[nodiscard]] ClientCredentials trusting_with(const CertificateAndKey& own) const {
    return {
        .tls_ca = authority_.certificate(), .tls_certificate = own.certificate, .tls_key = own.key};
  }

  TestAuthority authority_;
  TestAuthority stranger_;
};

TEST_F(TlsTest, IsSpokenWithThoseWhoTrustTheCertificate) {
  serve_tls();
  EXPECT_EQ(to_string(call(trusting())), "OK");
  EXPECT_EQ(call({}).error_code(), grpc::StatusCode::UNAVAILABLE) << "without TLS";
  ClientCredentials distrustful = trusting();
  distrustful.tls_ca = stranger_.certificate();
  EXPECT_EQ(call(distrustful).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, WantsACertificateOfItsClientsWhenTold) {
  options_.access.tls_client_ca = files_.write("clients.pem", authority_.certificate());
  serve_tls();
  EXPECT_EQ(to_string(call(trusting_with(authority_.issue()))), "OK");
  EXPECT_EQ(call(trusting()).error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_EQ(call(trusting_with(stranger_.issue())).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(TlsTest, GoesWithATokenAndLeavesUnixSocketsToTheirPermissions) {
  options_.access.token_file = files_.write("token", "open sesame");
  options_.listen = {"127.0.0.1:0", "unix:" + files_.path("socket").string()};
  serve_tls();
  ClientCredentials both = trusting();
  EXPECT_EQ(call(both).error_code(), grpc::StatusCode::UNAUTHENTICATED);
  both.token = "open sesame";
  EXPECT_EQ(to_string(call(both)), "OK");
  EXPECT_EQ(to_string(call(server->addresses().back(), {.token = "open sesame"})), "OK");
}

// ------------------------------------------------------------------------------- what is refused

struct BadAccess {
  const char* name;
  /// Names in the test's directory: `missing`, `empty`, `blank`, `text`, `cert`, `key`, `other_key`.
  const char* certificate;
  const char* key;
  const char* client_ca;
  const char* token;
  const char* error;  // DIR stands for the directory
};

class BadAccessTest : public ::testing::TestWithParam<BadAccess> {
 protected:
  TestFiles files_;
};

TEST_P(BadAccessTest, IsNamed) {
  const TestAuthority authority;
  const CertificateAndKey own = authority.issue();
  files_.write("empty", "");
  files_.write("blank", " \n");
  files_.write("text", "no certificate");
  files_.write("cert", own.certificate);
  files_.write("key", own.key);
  files_.write("other_key", authority.issue().key);
  const auto path = [&](const char* name) {
    return *name == '\0' ? fs::path() : files_.path(name);
  };
  AccessOptions options;
  options.tls_certificate = path(GetParam().certificate);
  options.tls_key = path(GetParam().key);
  options.tls_client_ca = path(GetParam().client_ca);
  options.token_file = path(GetParam().token);

  const Result<internal::Access> access = internal::Access::load(options, {"127.0.0.1:0"});

  ASSERT_FALSE(access);
  std::string error = GetParam().error;
  if (const auto at = error.find("DIR"); at != std::string::npos) {
    error.replace(at, 3, files_.directory().string());
  }
  EXPECT_THAT(to_string(access.error()), StartsWith("INVALID_ARGUMENT: " + error));
}

INSTANTIATE_TEST_SUITE_P(
    , BadAccessTest,
    ::testing::Values(
        BadAccess{"NoKey", "cert", "", "", "", "--tls_cert and --tls_key are needed together"},
        BadAccess{"NoCertificate", "", "key", "", "",
                  "--tls_cert and --tls_key are needed together"},
        BadAccess{"ClientCaAlone", "", "", "cert", "",
                  "--tls_client_ca needs --tls_cert and --tls_key"},
        BadAccess{"MissingCertificate", "missing", "key", "", "",
                  "--tls_cert: cannot read DIR/missing: No such file or directory"},
        BadAccess{"EmptyKey", "cert", "empty", "", "", "--tls_key: DIR/empty is empty"},
        BadAccess{"CertificateOfText", "text", "key", "", "", "--tls_cert: cannot use DIR/text: "},
        BadAccess{"KeyOfText", "cert", "text", "", "", "--tls_key: cannot use DIR/text: "},
        BadAccess{"KeyOfAnother", "cert", "other_key", "", "",
                  "--tls_key: cannot use DIR/other_key: "},
        BadAccess{"ClientCaOfText", "cert", "key", "text", "",
                  "--tls_client_ca: cannot use DIR/text: "},
        BadAccess{"MissingToken", "", "", "", "missing",
                  "--token_file: cannot read DIR/missing: No such file or directory"},
        BadAccess{"BlankToken", "", "", "", "blank", "--token_file: DIR/blank is empty"}),
    [](const auto& row) { return row.param.name; });

TEST(OpenAddressTest, NeedsProtectionOrLeave) {
  const TestFiles files;
  const auto outcome = [](const AccessOptions& options, const std::string& address) {
    const auto access = internal::Access::load(options, {"127.0.0.1:0", address});
    return access ? "OK" : to_string(access.error());
  };
  for (const char* of_this_machine : {"127.0.0.2:1", "[::1]:1", "localhost:1", "unix:/tmp/x"}) {
    EXPECT_EQ(outcome({}, of_this_machine), "OK");
  }
  for (const char* open : {"0.0.0.0:1", "[::]:1", "192.0.2.1:1", "compilers.example:1"}) {
    EXPECT_EQ(outcome({}, open),
              "INVALID_ARGUMENT: other machines can reach " + std::string(open) +
                  ": protect it with --tls_cert or --token_file, or let everybody in with "
                  "--insecure");
  }
  AccessOptions insecure;
  insecure.insecure = true;
  EXPECT_EQ(outcome(insecure, "0.0.0.0:1"), "OK");
  AccessOptions token;
  token.token_file = files.write("token", "open sesame");
  EXPECT_EQ(outcome(token, "0.0.0.0:1"), "OK");
  const CertificateAndKey own = TestAuthority().issue();
  AccessOptions tls;
  tls.tls_certificate = files.write("cert", own.certificate);
  tls.tls_key = files.write("key", own.key);
  EXPECT_EQ(outcome(tls, "0.0.0.0:1"), "OK");
}

TEST_F(AccessTest, IsSettledBeforeTheContextIsInitialised) {
  options_.access.token_file = files_.path("missing");
  launch(options_);
  EXPECT_THAT(to_string(join()), HasSubstr("cannot read"));
  EXPECT_TRUE(script.events().empty());
}

// ------------------------------------------------------------------------------------ unix sockets

class UnixSocketTest : public AccessTest {
 protected:
  UnixSocketTest() { options_.listen = {"unix:" + path_}; }

  [[nodiscard]] mode_t mode() const {
    struct stat file{};
    EXPECT_EQ(stat(path_.c_str(), &file), 0);
    return file.st_mode & 0777;
  }

  const std::string path_ = files_.path("socket").string();
};

TEST_F(UnixSocketTest, IsTheUsersOwnUnlessToldOtherwise) {
  serve(options_);
  EXPECT_EQ(mode(), 0600U);
  EXPECT_EQ(to_string(call({})), "OK");
}

TEST_F(UnixSocketTest, HasTheModeItIsGivenWhateverTheUmask) {
  options_.access.unix_socket_mode = 0666;
  serve(options_);
  EXPECT_EQ(mode(), 0666U);
}

TEST_F(UnixSocketTest, IsGoneAtTheEnd) {
  serve(options_);
  EXPECT_TRUE(drain_and_join().ok());
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixSocketTest, TakesThePlaceOfOneThatNobodyListensOn) {
  {
    boost::asio::local::stream_protocol::acceptor left_behind(io_context, {path_});
  }
  ASSERT_TRUE(fs::exists(path_));
  serve(options_);
  EXPECT_EQ(to_string(call({})), "OK");
}

TEST_F(UnixSocketTest, DoesNotTakeThePlaceOfALivingOne) {
  boost::asio::local::stream_protocol::acceptor living(io_context, {path_});
  launch(options_);
  EXPECT_EQ(to_string(join()),
            "UNAVAILABLE: cannot listen on unix:" + path_ + ": a service listens there already");
  EXPECT_TRUE(fs::exists(path_));
}

TEST_F(UnixSocketTest, DoesNotTakeThePlaceOfAFile) {
  files_.write("socket", "somebody's work");
  launch(options_);
  EXPECT_EQ(to_string(join()),
            "UNAVAILABLE: cannot listen on unix:" + path_ + ": the file is there and not a socket");
  EXPECT_TRUE(fs::exists(path_));
}

}  // namespace
}  // namespace compiler_gym::testing
