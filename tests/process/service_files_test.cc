// CONTRACT.md 1.5 to 1.9: the working directory, the files in it, and the addresses a service listens on.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <regex>

#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::MatchesRegex;
using ::testing::Not;
using ::testing::StartsWith;

class ServiceFilesTest : public ProcessTest {};

/// A TCP port of the loopback interface, in use for as long as this lives.
class TakenPort {
 public:
  TakenPort() : socket_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    if (bind(socket_, reinterpret_cast<sockaddr*>(&address), size) != 0 ||
        listen(socket_, 1) != 0 ||
        getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
      throw std::runtime_error("no port to take");
    }
    number_ = ntohs(address.sin_port);
  }
  TakenPort(const TakenPort&) = delete;
  TakenPort& operator=(const TakenPort&) = delete;
  ~TakenPort() { close(socket_); }
  [[nodiscard]] std::string number() const { return std::to_string(number_); }

 private:
  const int socket_;
  int number_ = 0;
};

// --------------------------------------------------------------------------- the working directory

TEST_F(ServiceFilesTest, MakesTheWorkingDirectoryWithItsParentsAndLogs) {
  ASSERT_FALSE(fs::exists(working_dir().parent_path()));
  serve(kExampleService);
  EXPECT_TRUE(fs::is_directory(working_dir()));
  EXPECT_TRUE(fs::is_directory(working_dir() / "logs"));
}

TEST_F(ServiceFilesTest, TakesAWorkingDirectoryAsTheClientMakesIt) {
  fs::create_directories(working_dir() / "logs");
  fs::create_directories(working_dir() / "disk");
  serve(kExampleService);
  EXPECT_EQ(outcome(connect().get_spaces()), "OK");
}

TEST_F(ServiceFilesTest, AWorkingDirectoryIsOneServicesAtATime) {
  serve(kExampleService);
  const std::string port_file = read_file(working_dir() / "port.txt");
  fs::create_directories(root() / "second");
  ServiceProcess second(kExampleService, {"--working_dir=" + working_dir().string()},
                        root() / "second");
  EXPECT_EQ(second.wait(), 1);
  EXPECT_THAT(second.stderr_text(),
              HasSubstr("ERROR: the working directory " + working_dir().string() +
                        " is another service's, of process " + std::to_string(service->pid())));
  EXPECT_EQ(read_file(working_dir() / "port.txt"), port_file) << "nothing was written";
  EXPECT_EQ(outcome(connect().get_spaces()), "OK");
}

TEST_F(ServiceFilesTest, TakesTheWorkingDirectoryOfAServiceThatWasKilled) {
  serve(kExampleService);
  service->signal(SIGKILL);
  service->wait();
  serve(kExampleService);
  EXPECT_EQ(outcome(connect().get_spaces()), "OK");
}

TEST_F(ServiceFilesTest, WithoutAWorkingDirectoryItMakesOneUnderTheTemporaryDirectory) {
  run(kExampleService, {}, {{"TMPDIR", root().string()}});
  fs::path made;
  poll_until([&] {
    for (const auto& entry : fs::directory_iterator(root())) {
      if (fs::exists(entry.path() / "pid.txt")) {
        made = entry.path();
      }
    }
    return !made.empty();
  });
  EXPECT_THAT(made.filename().string(), MatchesRegex("compiler_gym_service-.*"));
  WireClient client("localhost:" + std::to_string(std::stoi(read_file(made / "port.txt"))));
  EXPECT_EQ(outcome(client.get_spaces()), "OK");
  EXPECT_EQ(fs::status(made).permissions() & (fs::group_all | fs::others_all), fs::no_perms);

  EXPECT_EQ(stop(), 0);
  EXPECT_FALSE(fs::exists(made)) << "what the service made for itself, it removes";
}

TEST_F(ServiceFilesTest, WithoutAWorkingDirectoryAFailedStartLeavesNothing) {
  fs::create_directories(root() / "tmp");
  const TakenPort taken;
  run(kExampleService, {"--port", taken.number()}, {{"TMPDIR", (root() / "tmp").string()}});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_TRUE(fs::is_empty(root() / "tmp"));
}

TEST_F(ServiceFilesTest, ATemporaryDirectoryThatCannotBeWrittenToIsNamed) {
  run(kExampleService, {}, {{"TMPDIR", "/proc/self"}});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_THAT(
      service->stderr_text(),
      StartsWith("ERROR: cannot make the working directory /proc/self/compiler_gym_service-"));
}

TEST_F(ServiceFilesTest, LogsAreRegularFilesDirectlyInLogs) {
  serve(kExampleService);
  int files = 0;
  for (const auto& entry : fs::directory_iterator(working_dir() / "logs")) {
    EXPECT_TRUE(fs::is_regular_file(entry.symlink_status())) << entry.path();
    ++files;
  }
  EXPECT_GE(files, 1);
  wait_for_log("serving on 127.0.0.1:" + std::to_string(port()));
}

// ------------------------------------------------------------------------------- port.txt, pid.txt

TEST_F(ServiceFilesTest, PortAndPidAreDecimalWithANewline) {
  serve(kExampleService);
  EXPECT_THAT(read_file(working_dir() / "port.txt"), MatchesRegex("[1-9][0-9]*\n"));
  EXPECT_EQ(read_file(working_dir() / "pid.txt"), std::to_string(service->pid()) + "\n");
}

TEST_F(ServiceFilesTest, ThePidComesAfterThePortAndNoTemporaryFileStays) {
  run(kExampleService, {"--working_dir", working_dir().string()});
  poll_until([&] { return fs::exists(working_dir() / "pid.txt"); });
  EXPECT_TRUE(fs::exists(working_dir() / "port.txt"));
  for (const auto& entry : fs::directory_iterator(working_dir())) {
    EXPECT_THAT(entry.path().filename().string(), Not(HasSubstr("tmp")));
  }
}

TEST_F(ServiceFilesTest, ThePortIsListenedOnOnceItIsSaid) {
  run(kExampleService, {"--working_dir", working_dir().string()});
  poll_until([&] { return fs::exists(working_dir() / "port.txt"); });
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(static_cast<std::uint16_t>(port()));
  const int client = socket(AF_INET, SOCK_STREAM, 0);
  EXPECT_EQ(::connect(client, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
  close(client);
}

TEST_F(ServiceFilesTest, BindsThePortItIsGiven) {
  const std::string free = TakenPort().number();
  serve(kExampleService, {"--port", free});
  EXPECT_EQ(read_file(working_dir() / "port.txt"), free + "\n");
  EXPECT_EQ(outcome(connect().get_spaces()), "OK");
}

TEST_F(ServiceFilesTest, ListensOnLoopbackOnly) {
  serve(kExampleService);
  // /proc/net/tcp: local address in hexadecimal; state 0A is LISTEN.
  char port_in_hex[8];
  std::snprintf(port_in_hex, sizeof(port_in_hex), "%04X", port());
  const std::regex listening("([0-9A-F]{8}|[0-9A-F]{32}):" + std::string(port_in_hex) +
                             " [0-9A-F]+:0000 0A");
  const std::string proc = "/proc/" + std::to_string(service->pid()) + "/net/";
  const std::string sockets = read_file(proc + "tcp") + read_file(proc + "tcp6");
  std::vector<std::string> addresses;
  for (std::sregex_iterator it(sockets.begin(), sockets.end(), listening), end; it != end; ++it) {
    addresses.push_back((*it)[1]);
  }
  // As /proc has them, 127.0.0.1 and ::1; the machine may have no IPv6.
  EXPECT_THAT(addresses, AnyOf(ElementsAre("0100007F"),
                               ElementsAre("0100007F", "00000000000000000000000001000000")));
}

// --------------------------------------------------------------------------------- taken addresses

TEST_F(ServiceFilesTest, ATakenPortIsAnError) {
  const TakenPort taken;
  run(kExampleService, {"--working_dir", working_dir().string(), "--port", taken.number()});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(), "ERROR: UNAVAILABLE: cannot listen on 127.0.0.1:" +
                                        taken.number() + ": Address already in use\n");
  EXPECT_FALSE(fs::exists(working_dir() / "port.txt"));
  EXPECT_THAT(logs(), HasSubstr("Address already in use")) << "the client quotes the logs";
}

// Clients say `localhost`, which can be either: a stranger on the one is as bad as on the other.
TEST_F(ServiceFilesTest, APortThatAStrangerHasOnTheOtherLoopbackAddressIsTaken) {
  const int stranger = socket(AF_INET6, SOCK_STREAM, 0);
  sockaddr_in6 address{};
  address.sin6_family = AF_INET6;
  address.sin6_addr = in6addr_loopback;
  socklen_t size = sizeof(address);
  if (stranger < 0 || bind(stranger, reinterpret_cast<sockaddr*>(&address), size) != 0) {
    GTEST_SKIP() << "this machine has no IPv6";
  }
  ASSERT_EQ(listen(stranger, 1), 0);
  ASSERT_EQ(getsockname(stranger, reinterpret_cast<sockaddr*>(&address), &size), 0);
  const std::string port = std::to_string(ntohs(address.sin6_port));
  run(kExampleService, {"--working_dir", working_dir().string(), "--port", port});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_EQ(service->stderr_text(),
            "ERROR: UNAVAILABLE: cannot listen on [::1]:" + port + ": Address already in use\n");
  close(stranger);
}

TEST_F(ServiceFilesTest, APortIsNotSharedWithAnotherService) {
  fs::create_directories(root() / "first");
  ServiceProcess first(kExampleService, {"--working_dir", (root() / "first").string()},
                       root() / "first");
  poll_until([&] { return fs::exists(root() / "first/pid.txt"); });
  const std::string port = std::to_string(std::stoi(read_file(root() / "first/port.txt")));
  run(kExampleService, {"--working_dir", working_dir().string(), "--port=" + port});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_THAT(service->stderr_text(), HasSubstr("Address already in use"));
}

// --------------------------------------------------------------------------------- other addresses

TEST_F(ServiceFilesTest, ListensOnEveryAddressAskedFor) {
  const std::string socket = "unix:" + (root() / "a socket").string();
  serve(kExampleService, {"--listen=" + socket, "--listen=127.0.0.1:0", "--listen", "127.0.0.1:0"});
  EXPECT_EQ(outcome(WireClient(socket).get_spaces()), "OK");
  EXPECT_EQ(outcome(connect().get_spaces()), "OK") << "port.txt has the first TCP port";
  // They are one service.
  EXPECT_EQ(outcome(WireClient(socket).start_session()), "OK");
  EXPECT_EQ(outcome(connect().step(0, {1})), "OK");
}

TEST_F(ServiceFilesTest, AUnixSocketAloneWillDo) {
  const std::string socket = "unix:" + (root() / "socket").string();
  run(kExampleService, {"--working_dir=" + working_dir().string(), "--listen=" + socket});
  wait_until_serving(working_dir());
  EXPECT_EQ(outcome(WireClient(socket).get_spaces()), "OK");
  EXPECT_FALSE(fs::exists(working_dir() / "port.txt")) << "there is no port";
  EXPECT_EQ(read_file(working_dir() / "addresses.txt"), socket + "\n");
  EXPECT_EQ(stop(), 0);
}

TEST_F(ServiceFilesTest, AnAddressThatCannotBeListenedOnIsNamed) {
  run(kExampleService, {"--working_dir=" + working_dir().string(), "--listen=127.0.0.1:0",
                        "--listen=unix:/no/such/directory/socket"});
  EXPECT_EQ(service->wait(), 1);
  EXPECT_THAT(service->stderr_text(), HasSubstr("unix:/no/such/directory/socket"));
}

TEST_F(ServiceFilesTest, LeavesItsFilesForTheClientToRemove) {
  serve(kExampleService);
  EXPECT_EQ(stop(), 0);
  EXPECT_TRUE(fs::exists(working_dir() / "port.txt"));
  EXPECT_GT(fs::remove_all(working_dir()), 0U);
}

// As `ulimit -f` or a quota has it; the log is full, and the service goes on.
TEST_F(ServiceFilesTest, ALogThatMayNotGrowIsNoReasonToEnd) {
  serve(kExampleService, {"-v=1"}, {}, "ulimit -f 4");
  WireClient client = connect();
  for (int i = 0; i < 200; ++i) {
    ASSERT_EQ(outcome(client.get_version()), "OK");
  }
  EXPECT_LE(logs().size(), 4096U) << "else this tests nothing";
  EXPECT_EQ(stop(), 0);
}

}  // namespace
}  // namespace compiler_gym::testing
