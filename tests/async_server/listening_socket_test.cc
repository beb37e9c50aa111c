#include "async_server/internal/listening_socket.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>
#include <fstream>
#include <set>
#include <string>
#include <vector>

namespace compiler_gym::internal {
namespace {

namespace fs = boost::filesystem;
using ::testing::AnyOf;
using ::testing::ElementsAre;
using ::testing::SizeIs;

constexpr mode_t kPrivate = 0600;

std::vector<ListeningSocket> listen_on(const std::string& address) {
  const Result<ListenAddress> parsed = parse_listen_address(address);
  Result<std::vector<ListeningSocket>> sockets = open_listening_sockets(*parsed, kPrivate);
  EXPECT_TRUE(sockets) << to_string(sockets.error());
  return *std::move(sockets);
}

TEST(ListeningSocketTest, LocalhostIsBothLoopbackAddressesWithOnePort) {
  std::vector<std::string> hosts;
  std::set<int> ports;
  for (const ListeningSocket& one : listen_on("localhost:0")) {
    hosts.push_back(one.address.host);
    ports.insert(one.address.port);
  }
  EXPECT_THAT(hosts,
              AnyOf(ElementsAre("127.0.0.1", "::1"), ElementsAre("127.0.0.1"), ElementsAre("::1")))
      << "those that the machine has";
  EXPECT_THAT(ports, SizeIs(1));
}

TEST(ListeningSocketTest, APortThatIsTakenIsAnErrorWithItsAddress) {
  const std::vector<ListeningSocket> first = listen_on("127.0.0.1:0");
  const std::string address = first.front().address.to_string();
  const auto second = open_listening_sockets(*parse_listen_address(address), kPrivate);
  ASSERT_FALSE(second);
  EXPECT_EQ(to_string(second.error()),
            "UNAVAILABLE: cannot listen on " + address + ": Address already in use");
}

// What gRPC's own listener does: else a reply can wait for the acknowledgement of the one before.
TEST(ListeningSocketTest, AcceptedConnectionsDoNotWaitToSend) {
  for (const ListeningSocket& one : listen_on("localhost:0")) {
    int no_delay = 0;
    socklen_t size = sizeof(no_delay);
    ASSERT_EQ(getsockopt(one.socket.get(), IPPROTO_TCP, TCP_NODELAY, &no_delay, &size), 0);
    EXPECT_NE(no_delay, 0) << one.address.to_string();
  }
}

class UnixListeningSocketTest : public ::testing::Test {
 protected:
  ~UnixListeningSocketTest() override { fs::remove(path_); }

  const fs::path path_ = fs::temp_directory_path() / fs::unique_path("socket-%%%%-%%%%");
};

TEST_F(UnixListeningSocketTest, HasItsPermissionsWhenItListens) {
  const auto sockets = listen_on("unix:" + path_.string());
  EXPECT_EQ(fs::status(path_).permissions(), fs::owner_read | fs::owner_write);
  ASSERT_THAT(sockets, SizeIs(1));
  EXPECT_EQ(sockets.front().address.path, path_.string());
}

TEST_F(UnixListeningSocketTest, ItsFileIsRemoved) {
  const auto sockets = listen_on("unix:" + path_.string());
  sockets.front().socket_file.remove();
  EXPECT_FALSE(fs::exists(path_));
}

TEST_F(UnixListeningSocketTest, AFileThatHasTakenItsPlaceStays) {
  const auto sockets = listen_on("unix:" + path_.string());
  fs::rename(path_, path_.string() + ".old");  // so that its number is not given to the next
  std::ofstream(path_.string()) << "somebody else's";
  sockets.front().socket_file.remove();
  EXPECT_TRUE(fs::exists(path_));
  fs::remove(path_.string() + ".old");
}

}  // namespace
}  // namespace compiler_gym::internal
