// The files of unix sockets.
#pragma once

#include <grpcpp/support/status.h>
#include <sys/types.h>

#include <string>

namespace compiler_gym::internal {

/// Removes the socket file that a service left which did not end by itself. UNAVAILABLE if a
/// service listens there, or if the file is something else. gRPC would take the place of either.
[[nodiscard]] grpc::Status make_room_for_socket(const std::string& path);

/// Gives a socket's file these permissions, whatever the umask. INTERNAL with the path and the
/// system's reason.
[[nodiscard]] grpc::Status set_socket_mode(const std::string& path, mode_t mode);

}  // namespace compiler_gym::internal
