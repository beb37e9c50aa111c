// The files by which a service's process speaks to the one that started it.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <optional>
#include <string>

#include "core/support/status.h"

namespace compiler_gym::internal {

/// The port; or none while the file is missing or does not end in a newline, because then it may
/// still be being written; or UNAVAILABLE if it is complete and not a port.
[[nodiscard]] Result<std::optional<std::uint16_t>> read_port_file(
    const boost::filesystem::path& path);

/// The last 25 lines of each file in `directory`, by file name, as a text to append to a message;
/// empty if there are none.
[[nodiscard]] std::string quote_logs(const boost::filesystem::path& directory);

}  // namespace compiler_gym::internal
