#include "sessions/llvm/run/program_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <string_view>

#include "core/posix/file_descriptor.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

constexpr std::string_view kFileScheme = "file:///";

grpc::Status reading_error(const std::string& path, const std::string& reason) {
  return invalid_argument("Error reading file: \"" + path + "\": " + reason);
}

// A machine that is short of something says nothing about the file.
grpc::Status reading_error(const std::string& path, int error) {
  grpc::Status status = reading_error(path, std::string(std::strerror(error)));
  return is_shortage(error) ? resource_exhausted(status.error_message()) : status;
}

grpc::Status opening_error(const std::string& path, int error) {
  if (error == ENOENT || error == ENOTDIR) {
    return not_found("File not found: \"" + path + "\"");
  }
  return reading_error(path, error);
}

// No more than its first `max_bytes`. `path` is what clients call it.
Result<std::string> read_from(const std::string& opened_by, const std::string& path,
                              std::size_t max_bytes) {
  // Non-blocking, as opening a pipe would wait for its writer.
  const FileDescriptor file(open(opened_by.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) {
    return opening_error(path, errno);
  }
  struct stat status{};
  if (fstat(file.get(), &status) != 0) {
    return reading_error(path, errno);
  }
  if (!S_ISREG(status.st_mode)) {
    return reading_error(path, std::string("not a regular file"));
  }
  std::string bytes(std::min(static_cast<std::size_t>(status.st_size), max_bytes), '\0');
  std::size_t done = 0;
  while (done < bytes.size()) {
    const ssize_t count = read(file.get(), bytes.data() + done, bytes.size() - done);
    if (count < 0 && errno == EINTR) {
      continue;
    }
    if (count <= 0) {
      return count < 0 ? reading_error(path, errno)
                       : reading_error(path, std::string("it became shorter meanwhile"));
    }
    done += static_cast<std::size_t>(count);
  }
  return bytes;
}

Result<std::string> read_program_from(const std::string& opened_by, const std::string& path) {
  Result<std::string> bytes = read_from(opened_by, path, SIZE_MAX);
  if (bytes && bytes->empty()) {
    return invalid_argument("File is empty: \"" + path + "\"");
  }
  return bytes;
}

}  // namespace

Result<std::string> path_from_file_uri(const std::string& uri) {
  if (!uri.starts_with(kFileScheme)) {
    return invalid_argument(
        "Invalid benchmark data URI. Only the file:/// scheme is supported: \"" + uri + "\"");
  }
  std::string path = uri.substr(kFileScheme.size());
  if (!path.starts_with('/')) {
    return invalid_argument(
        "Invalid benchmark data URI. The path that follows file:/// must be absolute, as in \"" +
        std::string(kFileScheme) + "/" + path + "\": \"" + uri + "\"");
  }
  return path;
}

Result<std::string> read_regular_file(const std::string& path, std::size_t max_bytes) {
  return read_from(path, path, max_bytes);
}

Result<std::string> read_program_file(const std::string& path) {
  return read_program_from(path, path);
}

Result<std::string> read_program_file(const std::string& path, const BenchmarkRoots& roots) {
  if (roots.anywhere()) {
    return read_program_file(path);
  }
  const grpc::Status outside = invalid_argument("File is outside of the benchmark roots " +
                                                roots.to_string() + ": \"" + path + "\"");
  // Found first, and read through what was found: a link that is changed meanwhile changes nothing.
  const FileDescriptor found(open(path.c_str(), O_PATH | O_CLOEXEC));
  if (found.get() < 0) {
    const int why = errno;
    const grpc::Status opening = opening_error(path, why);
    if (is_shortage(why)) {
      return opening;
    }
    boost::system::error_code error;
    const fs::path would_be = fs::weakly_canonical(path, error);
    return error || !roots.contain(would_be) ? outside : opening;
  }
  const std::string link = "/proc/self/fd/" + std::to_string(found.get());
  boost::system::error_code error;
  const fs::path real_path = fs::read_symlink(link, error);
  if (error) {
    return reading_error(path, error.value());
  }
  if (!roots.contain(real_path)) {
    return outside;
  }
  return read_program_from(link, path);
}

}  // namespace compiler_gym
