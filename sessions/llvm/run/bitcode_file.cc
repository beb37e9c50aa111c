#include "sessions/llvm/run/bitcode_file.h"

#include <boost/filesystem/operations.hpp>
#include <cerrno>
#include <fstream>

namespace compiler_gym {

grpc::Status disk_error(const std::string& what, const boost::system::error_code& why) {
  const std::string text = what + ": " + why.message();
  const bool full = why == boost::system::errc::no_space_on_device || why.value() == EDQUOT;
  return full ? resource_exhausted(text) : internal_error(text);
}

grpc::Status write_bitcode_file(const boost::filesystem::path& path, std::string_view bitcode) {
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
