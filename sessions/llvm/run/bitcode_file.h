// Files that sessions write, and what it means if they can't.
#pragma once

#include <boost/filesystem/path.hpp>
#include <boost/system/error_code.hpp>
#include <string>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

/// The machine's fault, not the client's: RESOURCE_EXHAUSTED if the disk is full or something else
/// is short, see is_shortage(), else UNAVAILABLE. What failed, and why.
[[nodiscard]] grpc::Status disk_error(const std::string& what,
                                      const boost::system::error_code& why);

/// RESOURCE_EXHAUSTED if there is no space left where this directory is.
[[nodiscard]] grpc::Status check_disk_space(const boost::filesystem::path& directory);

/// Writes the file anew. Errors: disk_error(); no file is left then.
[[nodiscard]] grpc::Status write_bitcode_file(const boost::filesystem::path& path,
                                              std::string_view bitcode);

}  // namespace compiler_gym
