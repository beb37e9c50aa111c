#include "sessions/llvm/run/scratch_directory.h"

#include <boost/filesystem.hpp>
#include <utility>

#include "sessions/llvm/run/bitcode_file.h"

namespace compiler_gym {

namespace fs = boost::filesystem;

ScratchDirectory::ScratchDirectory(fs::path path) : path_(std::move(path)) {}

ScratchDirectory::ScratchDirectory(ScratchDirectory&& other) noexcept
    : path_(std::move(other.path_)) {
  other.path_.clear();
}

ScratchDirectory::~ScratchDirectory() {
  if (!path_.empty()) {
    boost::system::error_code ignored;
    fs::remove_all(path_, ignored);
  }
}

Result<ScratchDirectory> ScratchDirectory::create(const fs::path& parent) {
  boost::system::error_code error;
  fs::path path = fs::absolute(parent, error) / fs::unique_path("%%%%-%%%%-%%%%", error);
  if (!error) {
    fs::create_directories(path, error);
  }
  if (error) {
    return disk_error("Failed to make a scratch directory in " + parent.string(), error);
  }
  return ScratchDirectory(std::move(path));
}

}  // namespace compiler_gym
