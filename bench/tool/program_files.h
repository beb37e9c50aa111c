// The bitcode that a tool works on.
#pragma once

#include <boost/filesystem/path.hpp>
#include <string>
#include <vector>

#include "core/status.h"

namespace compiler_gym {

/// The files that were named; if none was, all that bench/programs was compiled to, which lie beside
/// the directory of the tool's own binary.
/// Errors: NOT_FOUND if there are none there.
[[nodiscard]] Result<std::vector<boost::filesystem::path>> program_files(
    const std::vector<std::string>& named, const boost::filesystem::path& own_directory);

}  // namespace compiler_gym
