#include "sessions/llvm/run/bitcode_file.h"

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <cstdint>
#include <fstream>

namespace compiler_gym {

grpc::Status disk_error(const std::string& what, const boost::system::error_code& why) {
  const std::string text = what + ": " + why.message();
  return is_shortage(why.value()) ? resource_exhausted(text) : unavailable(text);
}

grpc::Status check_disk_space(const boost::filesystem::path& directory) {
  boost::system::error_code error;
  const boost::filesystem::space_info space = boost::filesystem::space(directory, error);
  // Less than a block of most file systems is nothing.
  constexpr std::uintmax_t kNothing = 4096;
  return error || space.available >= kNothing
             ? grpc::Status::OK
             : resource_exhausted("No space left on the disk of " + directory.string());
}

grpc::Status write_bitcode_file(const boost::filesystem::path& path, std::string_view bitcode) {
  // Somebody who cleans up may have removed the directory.
  boost::system::error_code made;
  boost::filesystem::create_directories(path.parent_path(), made);
  std::ofstream file(path.string(), std::ios::binary | std::ios::trunc);
  file << bitcode;
  file.close();
  if (file) {
    return grpc::Status::OK;
  }
  const boost::system::error_code why(errno, boost::system::system_category());
  boost::system::error_code ignored;
  boost::filesystem::remove(path, ignored);
  return disk_error("Failed to write bitcode file: " + path.string(), why);
}

}  // namespace compiler_gym
