// The flags for who may call and how much, as an operator gives them.
#include <grpcpp/client_context.h>
#include <grpcpp/create_channel.h>
#include <grpcpp/security/credentials.h>
#include <sys/stat.h>

#include <chrono>
#include <fstream>

#include "tests/process/process_fixture.h"
#include "tests/support/test_certificates.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::StartsWith;

class AccessTest : public ProcessTest {
 protected:
  std::string write(const std::string& name, const std::string& content) const {
    const std::string path = (root() / name).string();
    std::ofstream(path, std::ios::binary) << content;
    return path;
  }

  /// How a GetVersion over TLS ends.
  std::string call(const grpc::SslCredentialsOptions& credentials, const std::string& token = "") {
    const auto stub = CompilerGymService::NewStub(grpc::CreateChannel(
        "localhost:" + std::to_string(port()), grpc::SslCredentials(credentials)));
    grpc::ClientContext rpc_context;
    rpc_context.set_deadline(std::chrono::system_clock::now() + kWatchdog);
    if (!token.empty()) {
      rpc_context.AddMetadata("authorization", "Bearer " + token);
    }
    GetVersionReply reply;
    return to_string(stub->GetVersion(&rpc_context, GetVersionRequest(), &reply));
  }
};

TEST_F(AccessTest, AnAddressOpenToAllNeedsMoreThanAListenFlag) {
  run(kExampleService, {"--working_dir=" + working_dir().string(), "--listen=0.0.0.0:0"});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(),
            "ERROR: INVALID_ARGUMENT: other machines can reach 0.0.0.0:0: protect it with "
            "--tls_cert or --token_file, or let everybody in with --insecure\n");
}

TEST_F(AccessTest, ATokenFileShutsOutThoseWithoutTheToken) {
  serve(kExampleService, {"--token_file", write("token", "open sesame\n")});
  EXPECT_THAT(outcome(connect().get_version()), StartsWith("UNAUTHENTICATED: "));
  EXPECT_THAT(outcome(connect().start_session()), StartsWith("UNAUTHENTICATED: "));
  EXPECT_EQ(stop(), 0) << "no session was started";
}

TEST_F(AccessTest, TlsTakesACertificateAKeyAndTheClientsAuthority) {
  const TestAuthority authority;
  const CertificateAndKey own = authority.issue();
  const CertificateAndKey clients = authority.issue();
  serve(kExampleService, {"--tls_cert=" + write("cert.pem", own.certificate),
                          "--tls_key=" + write("key.pem", own.key),
                          "--tls_client_ca=" + write("ca.pem", authority.certificate()),
                          "--token_file=" + write("token", "open sesame")});
  const grpc::SslCredentialsOptions with_certificate{authority.certificate(), clients.key,
                                                     clients.certificate};
  EXPECT_EQ(call(with_certificate, "open sesame"), "OK");
  EXPECT_THAT(call(with_certificate), StartsWith("UNAUTHENTICATED: "));
  EXPECT_THAT(call({authority.certificate(), "", ""}, "open sesame"), StartsWith("UNAVAILABLE: "));
}

TEST_F(AccessTest, AUnixSocketHasTheModeOfTheFlagAndOutlivesAKilledService) {
  const std::string socket = (root() / "socket").string();
  for (int attempt = 0; attempt < 2; ++attempt) {  // the second finds what the first left
    serve(kExampleService, {"--listen=unix:" + socket, "--port=0", "--unix_socket_mode", "660"});
    struct stat file{};
    ASSERT_EQ(stat(socket.c_str(), &file), 0);
    EXPECT_EQ(file.st_mode & 0777, 0660U);
    EXPECT_EQ(outcome(WireClient("unix:" + socket).get_version()), "OK");
    EXPECT_EQ(ProcessTest::stop(SIGKILL), -SIGKILL);
    EXPECT_TRUE(fs::exists(socket));
  }
}

TEST_F(AccessTest, ARequestBeyondTheBytesInFlightIsNotEvenParsed) {
  serve(kExampleService, {"--max_bytes_in_flight=1000"});
  const std::string no_message(2000, '\xff');
  EXPECT_EQ(to_string(connect().call("Step", no_message)),
            "RESOURCE_EXHAUSTED: 0 bytes of requests are in flight, 2000 more exceed the limit of "
            "1000");
  EXPECT_EQ(to_string(connect().call("StartSession", no_message.substr(0, 501))),
            "RESOURCE_EXHAUSTED: 0 bytes of requests to start sessions or add benchmarks are in "
            "flight, 501 more exceed the limit of 500");
  EXPECT_EQ(outcome(connect().get_version()), "OK");
}

TEST_F(AccessTest, AMessageBeyondItsLimitIsRefused) {
  serve(kExampleService, {"--max_message_size=1000"});
  EXPECT_THAT(to_string(connect().call("Step", std::string(1001, '\xff'))),
              StartsWith("RESOURCE_EXHAUSTED: "));
  EXPECT_EQ(outcome(connect().start_session()), "OK");
}

TEST_F(AccessTest, AMessageBeyondGrpcsMemoryCostsItsOwnCallOnly) {
  serve(kExampleService, {"--max_grpc_memory=8000000"});
  WireClient client = connect();
  AddBenchmarkRequest large;
  Benchmark& benchmark = *large.add_benchmark();
  benchmark.set_uri("benchmark://large");
  benchmark.mutable_program()->set_contents(std::string(64'000'000, 'x'));
  EXPECT_THAT(outcome(client.add_benchmark(large)), StartsWith("RESOURCE_EXHAUSTED: "));
  EXPECT_EQ(outcome(client.start_session()), "OK");
}

TEST_F(AccessTest, TheBenchmarkCacheHasTheSizeOfTheFlag) {
  serve(kExampleService, {"--max_benchmark_cache_bytes=12345"});
  WireClient client = connect();
  ASSERT_EQ(outcome(client.start_session()), "OK");
  const Result<SendSessionParameterReply> size =
      client.send_session_parameter(0, "service.benchmark_cache.get_max_size_in_bytes");
  ASSERT_TRUE(size) << outcome(size);
  EXPECT_EQ(size->reply(0), "12345");
}

TEST_F(AccessTest, AClientMayLowerTheBenchmarkCachesSizeAndNotRaiseIt) {
  const std::string set = "service.benchmark_cache.set_max_size_in_bytes";
  serve(kExampleService, {"--max_benchmark_cache_bytes=12345"});
  WireClient client = connect();
  ASSERT_EQ(outcome(client.start_session()), "OK");
  EXPECT_EQ(outcome(client.send_session_parameter(0, set, "12346")),
            "INVALID_ARGUMENT: " + set +
                ": the service keeps 12345 bytes of benchmarks at most, received: '12346'");
  EXPECT_EQ(outcome(client.send_session_parameter(0, set, "100")), "OK");
  EXPECT_EQ(outcome(client.send_session_parameter(0, set, "12345")), "OK") << "what it was";
}

}  // namespace
}  // namespace compiler_gym::testing
