#include "async_server/internal/working_directory.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <stdlib.h>
#include <sys/file.h>
#include <unistd.h>

#include <array>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

namespace compiler_gym::internal {

namespace fs = boost::filesystem;

Result<WorkingDirectory> WorkingDirectory::prepare(const fs::path& asked_for) {
  boost::system::error_code error;
  std::string path = asked_for.string();
  const bool own = path.empty();
  if (own) {
    path = (fs::temp_directory_path(error) / "compiler_gym_service-XXXXXX").string();
    if (!error && mkdtemp(path.data()) == nullptr) {
      error.assign(errno, boost::system::system_category());
    }
  } else {
    path = fs::absolute(path, error).string();
  }
  if (!error) {
    WorkingDirectory directory(path, own);
    fs::create_directories(directory.path(), error);
    if (!error) {
      if (grpc::Status locked = directory.lock(); !locked.ok()) {
        return locked;
      }
      fs::create_directories(directory.path() / "logs", error);
    }
    if (!error) {
      return directory;
    }
  }
  return internal_error(
      fmt::format("cannot make the working directory {}: {}", path, error.message()));
}

// The file stays when the service has ended: to remove it would take the lock from who has just
// opened it.
grpc::Status WorkingDirectory::lock() {
  const std::string file = (path_ / "service.lock").string();
  lock_ = FileDescriptor(open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0644));
  if (!lock_) {
    return internal_error(fmt::format("cannot open {}: {}", file, std::strerror(errno)));
  }
  if (flock(lock_.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK) {
      return internal_error(fmt::format("cannot lock {}: {}", file, std::strerror(errno)));
    }
    std::array<char, 32> owner{};
    const ssize_t size = read(lock_.get(), owner.data(), owner.size());
    return failed_precondition(
        fmt::format("the working directory {} is another service's, of process {}", path_.string(),
                    size > 0 ? std::string_view(owner.data(), static_cast<std::size_t>(size))
                             : std::string_view("unknown")));
  }
  // For the text above; the lock is as good without, when the disk is full.
  const std::string pid = std::to_string(getpid());
  std::ignore =
      ftruncate(lock_.get(), 0) == 0 && pwrite(lock_.get(), pid.data(), pid.size(), 0) > 0;
  return grpc::Status::OK;
}

WorkingDirectory::WorkingDirectory(WorkingDirectory&& other) noexcept
    : path_(std::move(other.path_)),
      lock_(std::move(other.lock_)),
      own_(std::exchange(other.own_, false)) {}

WorkingDirectory::~WorkingDirectory() {
  if (own_) {
    boost::system::error_code ignored;  // what is left lies under the temporary directory
    fs::remove_all(path_, ignored);
  }
}

}  // namespace compiler_gym::internal
