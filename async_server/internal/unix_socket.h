// The files of unix sockets.
#pragma once

#include <grpcpp/support/status.h>
#include <sys/types.h>

#include <string>

namespace compiler_gym::internal {

/// Removes the socket file that a service left which did not end by itself. UNAVAILABLE if a
/// service listens there, or if the file is something else. gRPC would take the place of either.
[[nodiscard]] grpc::Status make_room_for_socket(const std::string& path);

/// While it lives, files that the process makes have no more than these permissions, so that a
/// socket is never there with more. (umask is the process's: other threads' files are private for a
/// moment.)
class RestrictedFileMode {
 public:
  explicit RestrictedFileMode(mode_t mode);
  RestrictedFileMode(const RestrictedFileMode&) = delete;
  RestrictedFileMode& operator=(const RestrictedFileMode&) = delete;
  ~RestrictedFileMode();

 private:
  const mode_t previous_umask_;
};

/// Gives a socket's file these permissions, whatever the umask. INTERNAL with the path and the
/// system's reason.
[[nodiscard]] grpc::Status set_socket_mode(const std::string& path, mode_t mode);

}  // namespace compiler_gym::internal
