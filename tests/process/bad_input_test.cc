// Input that no honest client sends, or more of it than usual: specific errors, and nothing else disturbed.
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <random>
#include <thread>

#include "tests/process/fifo_gate.h"
#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::Each;
using ::testing::EndsWith;
using ::testing::HasSubstr;
using ::testing::SizeIs;
using ::testing::StartsWith;

/// A client that goes on with its steps while something else happens to the service.
class UndisturbedClient {
 public:
  explicit UndisturbedClient(WireClient client)
      : client_(std::move(client)), thread_([this](const std::stop_token& stop) { run(stop); }) {
    poll_until([this] { return steps_ > 0; });
  }
  ~UndisturbedClient() { EXPECT_GT(steps(), 0); }

  /// Steps so far, every one of them answered as it should be.
  [[nodiscard]] int steps() const { return steps_; }

 private:
  void run(const std::stop_token& stop) {
    const Result<StartSessionReply> started = client_.start_session("benchmark://undisturbed");
    ASSERT_TRUE(started) << outcome(started);
    while (!stop.stop_requested()) {
      const Result<StepReply> reply = client_.step(started->session_id(), {0}, {0});
      ASSERT_TRUE(reply) << outcome(reply);
      ASSERT_EQ(reply->observation_size(), 1);
      ++steps_;
    }
    EXPECT_EQ(outcome(client_.end_session(started->session_id())), "OK");
  }

  WireClient client_;
  std::atomic<int> steps_{0};
  std::jthread thread_;
};

class BadInputTest : public ProcessTest {};

// ------------------------------------------------------------------------------------ random bytes

/// Connects, sends, and hangs up, whatever the service makes of it.
void send_bytes(int port, const std::string& bytes) {
  const int connection = socket(AF_INET, SOCK_STREAM, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port));
  ASSERT_EQ(::connect(connection, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  static_cast<void>(send(connection, bytes.data(), bytes.size(), MSG_NOSIGNAL));
  close(connection);
}

TEST_F(BadInputTest, RandomBytesOnThePortDisturbNobody) {
  constexpr int kConnections = 300;
  constexpr std::size_t kMostBytes = 4096;
  // How HTTP/2 begins, for bytes that are to get further than the first check: the preface and an empty SETTINGS frame.
  const std::string preface("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0", 33);
  serve(kExampleService);
  {
    const UndisturbedClient client(connect());
    std::mt19937 random(19'937);
    std::uniform_int_distribution<std::size_t> size(0, kMostBytes);
    std::uniform_int_distribution<int> byte(0, 255);
    for (int i = 0; i < kConnections; ++i) {
      std::string bytes = i % 2 == 0 ? "" : preface;
      for (std::size_t left = size(random); left > 0; --left) {
        bytes.push_back(static_cast<char>(byte(random)));
      }
      send_bytes(port(), bytes);
    }
    const int before = client.steps();
    poll_until([&] { return client.steps() > before; });
  }
  EXPECT_EQ(stop(), 0);
}

// ----------------------------------------------------------------------------- bytes of no message

class NoMessageTest : public BadInputTest, public ::testing::WithParamInterface<const char*> {};

TEST_P(NoMessageTest, IsAnInvalidArgument) {
  const std::string rpc = GetParam();
  const std::string error =
      "INVALID_ARGUMENT: The request cannot be parsed as compiler_gym." + rpc + "Request";
  serve(kExampleService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  for (const std::string& bytes : {
           std::string("\xff\xff\xff\xff", 4),  // a tag without end
           std::string("\x0a\x7f\x01", 3),      // a field longer than the message
           std::string("\x07", 1),              // a wire type that does not exist
           std::string("\0\0", 2),              // field number 0
       }) {
    EXPECT_EQ(to_string(client.call(rpc, bytes)), error);
  }
  EXPECT_EQ(outcome(client.step(0, {1}, {0})), "OK") << "the session is as it was";
}

INSTANTIATE_TEST_SUITE_P(, NoMessageTest,
                         ::testing::Values("StartSession", "ForkSession", "EndSession", "Step",
                                           "AddBenchmark", "SendSessionParameter"),
                         [](const auto& row) { return std::string(row.param); });

TEST_F(BadInputTest, RandomRequestsDisturbNobody) {
  serve(kExampleService);
  {
    const UndisturbedClient undisturbed(connect());
    WireClient client = connect();
    std::mt19937 random(7);
    std::uniform_int_distribution<int> byte(0, 255);
    for (int i = 0; i < 200; ++i) {
      for (const char* rpc : {"StartSession", "ForkSession", "Step", "AddBenchmark",
                              "SendSessionParameter", "GetSpaces", "GetVersion"}) {
        std::string bytes(static_cast<std::size_t>(byte(random) % 24), '\0');
        for (char& value : bytes) {
          value = static_cast<char>(byte(random));
        }
        const grpc::StatusCode code = client.call(rpc, bytes).error_code();
        EXPECT_NE(code, grpc::StatusCode::INTERNAL);
        EXPECT_NE(code, grpc::StatusCode::UNKNOWN);
        EXPECT_NE(code, grpc::StatusCode::UNAVAILABLE);
      }
    }
  }
}

TEST_F(BadInputTest, AMethodThatDoesNotExistIsUnimplemented) {
  serve(kExampleService);
  WireClient client = connect();
  EXPECT_EQ(client.call("Sleep", "").error_code(), grpc::StatusCode::UNIMPLEMENTED);
  EXPECT_EQ(outcome(client.get_spaces()), "OK");
}

// ------------------------------------------------------------------------------------ large things

constexpr std::size_t kHundredMegabytes = 100'000'000;

TEST_F(BadInputTest, AnAddedBenchmarkOfAHundredMegabytesHoldsUpNobody) {
  serve(kExampleService);
  const UndisturbedClient undisturbed(connect());
  WireClient client = connect();
  AddBenchmarkRequest request;
  request.add_benchmark()->set_uri("benchmark://large");
  request.mutable_benchmark(0)->mutable_program()->mutable_contents()->assign(kHundredMegabytes,
                                                                              'x');
  const int before = undisturbed.steps();
  EXPECT_EQ(outcome(client.add_benchmark(request)), "OK");
  EXPECT_GT(undisturbed.steps(), before);

  StartSessionRequest by_uri;
  by_uri.mutable_benchmark()->set_uri("benchmark://large");
  const Result<StartSessionReply> started = client.start_session(by_uri);
  ASSERT_TRUE(started) << outcome(started);
  const Result<SendSessionParameterReply> size = client.send_session_parameter(
      started->session_id(), "service.benchmark_cache.get_size_in_bytes");
  ASSERT_TRUE(size) << outcome(size);
  EXPECT_GT(std::stoul(size->reply(0)), kHundredMegabytes);
}

TEST_F(BadInputTest, ASessionStartedOnAHundredMegabytesHoldsUpNobody) {
  serve(kExampleService);
  const UndisturbedClient undisturbed(connect());
  WireClient client = connect();
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri("benchmark://large");
  request.mutable_benchmark()->mutable_program()->mutable_contents()->assign(kHundredMegabytes,
                                                                             'x');
  const int before = undisturbed.steps();
  const Result<StartSessionReply> started = client.start_session(request);
  EXPECT_GT(undisturbed.steps(), before);
  ASSERT_TRUE(started) << outcome(started);
  EXPECT_EQ(outcome(client.step(started->session_id(), {1})), "OK");
}

TEST_F(BadInputTest, ManyStartsThatTakeLongHoldUpNoStep) {
  // Each of them waits in the session's init.
  serve(kFaultyService, {"--workers=2"});
  const UndisturbedClient undisturbed(connect());
  constexpr int kStarts = 8;
  FifoGate gate((working_dir() / "gate").string());
  std::vector<std::jthread> starts;
  for (int i = 0; i < kStarts; ++i) {
    starts.emplace_back(
        [this] { EXPECT_EQ(outcome(connect().start_session("benchmark://slow/1")), "OK"); });
  }
  gate.wait_for_arrival();
  const int before = undisturbed.steps();
  poll_until([&] { return undisturbed.steps() > before + 100; });
  gate.let_pass(kStarts);
  starts.clear();
}

TEST_F(BadInputTest, RepliesAreOfAnySize) {
  const std::string value(8'000'000, 'y');  // twice gRPC's default limit
  serve(kFaultyService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  const Result<SendSessionParameterReply> reply = client.send_session_parameter(0, "echo", value);
  ASSERT_TRUE(reply) << outcome(reply);
  EXPECT_TRUE(reply->reply(0) == value);
}

// ----------------------------------------------------------------------------------- error texts

TEST_F(BadInputTest, LongErrorTextsReachTheClient) {
  serve(kFaultyService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  const std::string text(4'000, 'e');
  EXPECT_TRUE(outcome(client.send_session_parameter(0, "fail", text)) == "DATA_LOSS: " + text);
  EXPECT_TRUE(outcome(client.send_session_parameter(0, "throw", text)) ==
              "INTERNAL: Unhandled exception: " + text);
}

TEST_F(BadInputTest, ErrorTextsKeepTheirLinesAndLetters) {
  serve(kFaultyService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  std::string text = "100% of 'a\"b': größer\n\ttab\n";
  EXPECT_EQ(outcome(client.send_session_parameter(0, "fail", text)), "DATA_LOSS: " + text);
  // On the wire each of these takes three bytes.
  text = std::string(1'300, '\n');
  EXPECT_TRUE(outcome(client.send_session_parameter(0, "fail", text)) == "DATA_LOSS: " + text);
}

// At 4 kB, where clients with gRPC's own limits still take it, so that the status stays what it was.
TEST_F(BadInputTest, AnErrorTextThatIsTooLongForTheWireIsCut) {
  serve(kFaultyService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  const std::string text = "clang: error: " + std::string(2'000'000, 'e') + "; 1 error generated";
  const std::string heard = outcome(client.send_session_parameter(0, "fail", text));
  EXPECT_LT(heard.size(), 4'200U);
  EXPECT_THAT(heard, StartsWith("DATA_LOSS: clang: error: eee"));
  EXPECT_THAT(heard, EndsWith("eee; 1 error generated"));
  EXPECT_THAT(heard, HasSubstr(" bytes left out) ... "));
}

// Parsed by the thread that serves everybody, so it has to be small.
TEST_F(BadInputTest, AGiantRequestThatIsAlwaysAnsweredIsRefused) {
  serve(kFaultyService);
  WireClient client = connect();
  EXPECT_EQ(outcome(client.start_session()), "OK");
  EndSessionRequest request;
  request.set_session_id(0);
  request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(
      1'000, std::string(1'000'000, 'x'));
  EXPECT_THAT(outcome(client.end_session(request)),
              StartsWith("RESOURCE_EXHAUSTED: The request has 10000"));
  EXPECT_EQ(outcome(client.step(0, {0})), "OK") << "the session is still there";
}

}  // namespace
}  // namespace compiler_gym::testing
