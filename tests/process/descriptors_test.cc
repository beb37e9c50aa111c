// A service under a limit of file descriptors: what needs one that is kept in reserve is refused, the rest goes on, and
// all is well again when others have gone.
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <vector>

#include "core/posix/file_descriptor.h"
#include "tests/process/process_fixture.h"

namespace compiler_gym::testing {
namespace {

using ::testing::Gt;
using ::testing::HasSubstr;

class DescriptorsTest : public ProcessTest {
 protected:
  FileDescriptor connection() const {
    FileDescriptor socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    address.sin_port = htons(static_cast<std::uint16_t>(port()));
    EXPECT_EQ(connect_to(socket.get(), address), 0);
    return socket;
  }

  /// The server speaks first, or closes it.
  static bool is_refused(const FileDescriptor& socket) {
    pollfd readable{socket.get(), POLLIN, 0};
    char byte = 0;
    return poll(&readable, 1, static_cast<int>(kWatchdog.count()) * 1000) == 1 &&
           recv(socket.get(), &byte, 1, MSG_PEEK) <= 0;
  }

 private:
  static int connect_to(int socket, const sockaddr_in& address) {
    return ::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof(address));
  }
};

TEST_F(DescriptorsTest, ConnectionsLeaveSomeInReserveAndAreTakenAgainWhenOthersHaveGone) {
  serve(kExampleService, {}, {}, "ulimit -n 200");
  WireClient client = connect();
  ASSERT_EQ(outcome(client.start_session()), "OK");
  int refused = 0;
  {
    std::vector<FileDescriptor> crowd;
    for (int i = 0; i < 250; ++i) {
      crowd.push_back(connection());
    }
    for (const FileDescriptor& one : crowd) {
      refused += is_refused(one) ? 1 : 0;
    }
    EXPECT_THAT(refused, Gt(250 - 200 + 64 - 1));
    EXPECT_LT(refused, 230) << "many were taken";
    EXPECT_EQ(outcome(client.step(0, {1})), "OK") << "who was there before goes on";
    EXPECT_THAT(logs(), HasSubstr("a connection was refused"));
  }
  poll_until([&] { return !is_refused(connection()); });
  EXPECT_EQ(outcome(connect().get_spaces()), "OK");
  EXPECT_EQ(stop(), 6);
}

}  // namespace
}  // namespace compiler_gym::testing
