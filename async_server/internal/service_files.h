// The files through which a client that started the service finds it.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/filesystem/path.hpp>
#include <string>
#include <string_view>
#include <vector>

namespace compiler_gym::internal {

/// Writes `contents` under a temporary name and renames it, so that nobody reads half a file.
/// INTERNAL with the path and the system's reason.
[[nodiscard]] grpc::Status write_file_atomically(const boost::filesystem::path& path,
                                                 std::string_view contents);

/// `addresses.txt`, what is being listened on, one a line; `port.txt`, the decimal port and a newline,
/// unless it is 0; then `pid.txt`, likewise with this process's id.
[[nodiscard]] grpc::Status write_service_files(const boost::filesystem::path& directory, int port,
                                               const std::vector<std::string>& addresses);

}  // namespace compiler_gym::internal
