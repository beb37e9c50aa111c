#include "core/posix/confinement.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <boost/filesystem.hpp>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <fstream>
#include <functional>

#include "tests/support/another_process.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using testing::in_another_process;

/// Each test looks at what another process can do that is confined; what it can't is an error number.
class ConfinementTest : public ::testing::Test {
 protected:
  ConfinementTest() {
    fs::create_directories(writable_);
    fs::create_directories(readable_);
    std::ofstream((readable_ / "file").string()) << "text";
    std::ofstream((outside_ / "file").string()) << "secret";
  }
  ~ConfinementTest() override { fs::remove_all(outside_); }

  void SetUp() override {
    if (!support_.complete()) {
      GTEST_SKIP() << "this kernel has " << to_string(support_);
    }
  }

  int confined(const std::function<int()>& function) const {
    return in_another_process([&] {
      FileAccess files = access_of_programs();
      std::erase(files.write, "/tmp");  // where all of this is
      files.read.push_back(readable_.string());
      files.write.push_back(writable_.string());
      return confine(files, support_).ok() ? function() : 200;
    });
  }

  static int open_error(const fs::path& path, int flags) {
    return open(path.c_str(), flags, 0600) >= 0 ? 0 : errno;
  }
  static int socket_error(int family, int type) { return socket(family, type, 0) >= 0 ? 0 : errno; }

  const ConfinementSupport support_ = confinement_support();
  const fs::path outside_ = fs::canonical(fs::temp_directory_path()) / fs::unique_path();
  const fs::path readable_ = outside_ / "readable";
  const fs::path writable_ = outside_ / "writable";
};

TEST_F(ConfinementTest, FilesAreReadWhereThatIsSaid) {
  EXPECT_EQ(confined([&] { return open_error(readable_ / "file", O_RDONLY); }), 0);
  EXPECT_EQ(confined([&] { return open_error(outside_ / "file", O_RDONLY); }), EACCES);
  EXPECT_EQ(confined([&] { return open_error("/etc/hostname", O_RDONLY); }), EACCES);
  EXPECT_EQ(confined([&] { return open_error(readable_ / "file", O_WRONLY); }), EACCES);
}

TEST_F(ConfinementTest, FilesAreWrittenWhereThatIsSaid) {
  EXPECT_EQ(confined([&] {
              fs::create_directories(writable_ / "a" / "b");
              fs::create_directories(writable_ / "c");
              std::ofstream((writable_ / "a" / "b" / "file").string()) << "text";
              fs::rename(writable_ / "a" / "b" / "file", writable_ / "c" / "file");
              fs::remove_all(writable_ / "a");
              return open_error(writable_ / "c" / "file", O_RDWR | O_TRUNC);
            }),
            0);
  EXPECT_EQ(confined([&] { return open_error(outside_ / "new", O_CREAT | O_RDWR); }), EACCES);
  EXPECT_EQ(confined([&] { return truncate((outside_ / "file").c_str(), 0) == 0 ? 0 : errno; }),
            EACCES);
  EXPECT_EQ(confined([&] { return open_error("/dev/null", O_RDWR); }), 0);
}

TEST_F(ConfinementTest, AnythingIsReadIfThatIsSaid) {
  EXPECT_EQ(in_another_process([&] {
              return confine({.read_anything = true, .read = {}, .write = {}}, support_).ok()
                         ? open_error("/etc/passwd", O_RDONLY)
                         : 200;
            }),
            0);
}

TEST_F(ConfinementTest, ThereIsNoNetwork) {
  for (const int family : {AF_INET, AF_INET6, AF_NETLINK, AF_PACKET}) {
    EXPECT_EQ(confined([&] { return socket_error(family, SOCK_STREAM); }), EACCES);
    EXPECT_EQ(confined([&] { return socket_error(family, SOCK_DGRAM); }), EACCES);
  }
  EXPECT_EQ(confined([] { return syscall(SYS_io_uring_setup, 1, nullptr) < 0 ? errno : 0; }),
            ENOSYS)
      << "which makes sockets as well";
  EXPECT_EQ(confined([&] { return socket_error(AF_UNIX, SOCK_STREAM); }), 0);
}

TEST_F(ConfinementTest, ItHoldsForWhatIsStarted) {
  EXPECT_EQ(confined([] { return std::system("exit 7") >> 8; }), 7) << "there is a shell";
  const std::string read = "cat '" + (outside_ / "file").string() + "' 2>/dev/null && exit 7";
  EXPECT_EQ(confined([&] { return std::system(read.c_str()) >> 8; }), 1);
}

TEST_F(ConfinementTest, SignalsDoNotLeaveIt) {
  if (support_.landlock_version < 6) {
    GTEST_SKIP() << "from version 6 of Landlock on";
  }
  const pid_t outside = getpid();
  EXPECT_EQ(confined([&] { return kill(outside, 0) == 0 ? 0 : errno; }), EPERM);
  EXPECT_EQ(confined([] {
              const pid_t child = fork();
              if (child == 0) {
                pause();
              }
              int status = 0;
              return kill(child, SIGTERM) == 0 && waitpid(child, &status, 0) == child &&
                             WTERMSIG(status) == SIGTERM
                         ? 0
                         : 1;
            }),
            0);
}

TEST(ConfinementSupportTest, SaysWhatThereIs) {
  EXPECT_EQ(to_string(ConfinementSupport{.landlock_version = 7, .seccomp = true}),
            "files by Landlock (version 7), network by seccomp");
  EXPECT_EQ(to_string(ConfinementSupport{.landlock_version = 0, .seccomp = true}),
            "network by seccomp");
  EXPECT_EQ(to_string(ConfinementSupport{}),
            "nothing: the kernel has neither Landlock nor seccomp");
}

}  // namespace
}  // namespace compiler_gym
