#include "tests/fault/small_disk.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <system_error>
#include <utility>

#include "core/posix/file_descriptor.h"

namespace compiler_gym::testing {

namespace fs = boost::filesystem;

std::string enter_own_mount_namespace() {
  const uid_t user = geteuid();
  const gid_t group = getegid();
  if (unshare(CLONE_NEWNS) != 0) {
    if (unshare(CLONE_NEWUSER | CLONE_NEWNS) != 0) {
      return std::string("no mount namespace: ") + std::strerror(errno);
    }
    std::ofstream("/proc/self/setgroups") << "deny";
    std::ofstream("/proc/self/uid_map") << "0 " << user << " 1";
    std::ofstream("/proc/self/gid_map") << "0 " << group << " 1";
  }
  // Else what is mounted here would show everywhere.
  if (mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) {
    return std::string("mounts can't be made private: ") + std::strerror(errno);
  }
  return "";
}

SmallDisk::SmallDisk(fs::path directory, std::size_t bytes) : directory_(std::move(directory)) {
  const std::string options = "size=" + std::to_string(bytes);
  if (mount("small-disk", directory_.c_str(), "tmpfs", 0, options.c_str()) != 0) {
    throw std::system_error(errno, std::generic_category(), "mounting " + directory_.string());
  }
}

SmallDisk::~SmallDisk() {
  umount2(directory_.c_str(), MNT_DETACH);
}

void SmallDisk::fill() const {
  const FileDescriptor file(
      open((directory_ / "filler").c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
  const std::string page(4096, 'x');
  while (write(file.get(), page.data(), page.size()) > 0) {
  }
}

void SmallDisk::make_room() const {
  fs::remove(directory_ / "filler");
}

}  // namespace compiler_gym::testing
