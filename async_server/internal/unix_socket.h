// The files of unix sockets.
#pragma once

#include <grpcpp/support/status.h>
#include <sys/types.h>

#include <string>

namespace compiler_gym::internal {

/// Removes the socket file that a service left which did not end by itself. UNAVAILABLE if a
/// service listens there, or if the file is something else. gRPC would take the place of either.
[[nodiscard]] grpc::Status make_room_for_socket(const std::string& path);

/// A socket's file, by which one it is and not only by its name.
struct SocketFile {
  std::string path{};  ///< empty: none
  dev_t device = 0;
  ino_t number = 0;

  [[nodiscard]] static SocketFile at(const std::string& path);
  /// Unless another has taken its place.
  void remove() const;
};

/// Gives a socket's file these permissions, whatever the umask. INTERNAL with the path and the
/// system's reason.
[[nodiscard]] grpc::Status set_socket_mode(const std::string& path, mode_t mode);

}  // namespace compiler_gym::internal
