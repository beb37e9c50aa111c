#include "async_server/internal/working_directory.h"

#include <fmt/core.h>
#include <stdlib.h>

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <string>
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
    fs::create_directories(directory.path() / "logs", error);
    if (!error) {
      return directory;
    }
  }
  return internal_error(
      fmt::format("cannot make the working directory {}: {}", path, error.message()));
}

WorkingDirectory::WorkingDirectory(WorkingDirectory&& other) noexcept
    : path_(std::move(other.path_)), own_(std::exchange(other.own_, false)) {}

WorkingDirectory::~WorkingDirectory() {
  if (own_) {
    boost::system::error_code ignored;  // what is left lies under the temporary directory
    fs::remove_all(path_, ignored);
  }
}

}  // namespace compiler_gym::internal
