// The bitcode that a tool works on, and other files it is given or writes.
#pragma once

#include <boost/filesystem/path.hpp>
#include <string>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

/// The files that were named; if none was, all that programs was compiled to, which lie beside
/// the directory of the tool's own binary.
/// Errors: NOT_FOUND if there are none there.
[[nodiscard]] Result<std::vector<boost::filesystem::path>> program_files(
    const std::vector<std::string>& named, const boost::filesystem::path& own_directory);

/// Errors: NOT_FOUND if there is no such file, or it may not be read.
[[nodiscard]] Result<std::string> read_file(const boost::filesystem::path& path);

/// Errors: UNAVAILABLE if it can't be written.
[[nodiscard]] grpc::Status write_file(const boost::filesystem::path& path,
                                      const std::string& contents);

}  // namespace compiler_gym
