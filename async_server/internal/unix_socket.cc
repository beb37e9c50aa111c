#include "async_server/internal/unix_socket.h"

#include <fmt/core.h>
#include <sys/stat.h>
#include <unistd.h>

#include <boost/asio/error.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/local/stream_protocol.hpp>
#include <boost/system/system_error.hpp>
#include <cerrno>
#include <cstring>

#include "core/support/status.h"

namespace compiler_gym::internal {
namespace {

using boost::asio::local::stream_protocol;

boost::system::error_code try_to_connect(const std::string& path) {
  try {
    boost::asio::io_context io_context;
    stream_protocol::socket(io_context).connect(stream_protocol::endpoint(path));
    return {};
  } catch (const boost::system::system_error& error) {  // also for a path that is too long
    return error.code();
  }
}

grpc::Status taken(const std::string& path, const std::string& reason) {
  return unavailable(fmt::format("cannot listen on unix:{}: {}", path, reason));
}

}  // namespace

grpc::Status make_room_for_socket(const std::string& path) {
  struct stat file{};
  if (lstat(path.c_str(), &file) != 0) {
    return errno == ENOENT ? grpc::Status::OK : taken(path, std::strerror(errno));
  }
  if (!S_ISSOCK(file.st_mode)) {
    return taken(path, "the file is there and not a socket");
  }
  if (const auto error = try_to_connect(path); !error) {
    return taken(path, "a service listens there already");
  } else if (error != boost::asio::error::connection_refused) {
    return taken(path, error.message());
  }
  if (unlink(path.c_str()) != 0 && errno != ENOENT) {
    return taken(path, std::strerror(errno));
  }
  return grpc::Status::OK;
}

SocketFile SocketFile::at(const std::string& path) {
  struct stat file{};
  return lstat(path.c_str(), &file) == 0 ? SocketFile{path, file.st_dev, file.st_ino}
                                         : SocketFile{};
}

void SocketFile::remove() const {
  const SocketFile present = at(path);
  if (!path.empty() && present.device == device && present.number == number) {
    unlink(path.c_str());
  }
}

grpc::Status set_socket_mode(const std::string& path, mode_t mode) {
  if (chmod(path.c_str(), mode) != 0) {
    return internal_error(
        fmt::format("cannot set the permissions of unix:{}: {}", path, std::strerror(errno)));
  }
  return grpc::Status::OK;
}

}  // namespace compiler_gym::internal
