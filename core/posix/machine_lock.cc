#include "core/posix/machine_lock.h"

#include <fcntl.h>
#include <fmt/core.h>
#include <sys/file.h>
#include <sys/stat.h>

#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <cstring>
#include <mutex>

#include "core/support/blocking_region.h"

namespace compiler_gym {
namespace {

// As often as it takes to notice that it is free; flock() itself can't be cancelled.
constexpr std::chrono::milliseconds kBetweenTries{10};

// Another user's file in a directory like /tmp can be opened, but not as if it were to be made.
FileDescriptor open_or_make(const std::string& file) {
  for (;;) {
    FileDescriptor there(open(file.c_str(), O_RDONLY | O_CLOEXEC));
    if (there || errno != ENOENT) {
      return there;
    }
    FileDescriptor made(open(file.c_str(), O_RDONLY | O_CLOEXEC | O_CREAT | O_EXCL, 0644));
    if (made || errno != EEXIST) {
      return made;
    }
  }
}

grpc::Status cannot_be_locked(const std::string& file, int error) {
  const std::string text = fmt::format("{} can't be locked: {}", file, std::strerror(error));
  return is_shortage(error) ? resource_exhausted(text) : unavailable(text);
}

}  // namespace

Result<MachineLock> MachineLock::acquire(const std::string& file,
                                         const std::stop_token& stop_token) {
  FileDescriptor opened = open_or_make(file);
  if (!opened) {
    return cannot_be_locked(file, errno);
  }
  std::mutex mutex;
  std::condition_variable_any stopped;
  std::unique_lock lock(mutex);
  while (flock(opened.get(), LOCK_EX | LOCK_NB) != 0) {
    if (errno != EWOULDBLOCK && errno != EINTR) {
      return cannot_be_locked(file, errno);
    }
    const BlockingRegion waiting;
    stopped.wait_for(lock, stop_token, kBetweenTries, [] { return false; });
    if (stop_token.stop_requested()) {
      return cancelled("Cancelled while waiting for the lock of " + file);
    }
  }
  return MachineLock(std::move(opened));
}

}  // namespace compiler_gym
