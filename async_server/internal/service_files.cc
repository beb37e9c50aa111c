#include "async_server/internal/service_files.h"

#include <fmt/core.h>
#include <unistd.h>

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <fstream>
#include <string>
#include <system_error>

#include "core/support/status.h"

namespace compiler_gym::internal {

namespace fs = boost::filesystem;

grpc::Status write_file_atomically(const fs::path& path, std::string_view contents) {
  const fs::path temporary = fs::path(path).concat(".tmp");
  {
    std::ofstream file(temporary.string(), std::ios::binary | std::ios::trunc);
    file.write(contents.data(), static_cast<std::streamsize>(contents.size()));
    file.close();
    if (!file) {
      const int error = errno;
      boost::system::error_code ignored;
      fs::remove(temporary, ignored);
      return internal_error(fmt::format("Cannot write {}: {}", temporary.string(),
                                        std::generic_category().message(error)));
    }
  }
  boost::system::error_code error;
  fs::rename(temporary, path, error);
  if (error) {
    return internal_error(fmt::format("Cannot rename {} to {}: {}", temporary.string(),
                                      path.string(), error.message()));
  }
  return grpc::Status::OK;
}

grpc::Status write_service_files(const fs::path& directory, int port,
                                 const std::vector<std::string>& addresses) {
  std::string lines;
  for (const std::string& address : addresses) {
    lines += address + '\n';
  }
  grpc::Status status = write_file_atomically(directory / "addresses.txt", lines);
  if (status.ok() && port != 0) {
    status = write_file_atomically(directory / "port.txt", std::to_string(port) + "\n");
  }
  if (status.ok()) {
    status = write_file_atomically(directory / "pid.txt", std::to_string(getpid()) + "\n");
  }
  return status;
}

}  // namespace compiler_gym::internal
