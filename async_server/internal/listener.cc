#include "async_server/internal/listener.h"

#include <grpc/grpc.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "async_server/internal/listen_address.h"
#include "async_server/internal/unix_socket.h"

namespace compiler_gym::internal {
namespace {

constexpr int kMaxMetadataBytes = 512 * 1024;  // error texts travel in it

void set_limits(grpc::ServerBuilder& builder, const ServerOptions& options) {
  constexpr std::size_t kMaxMessageBytes = std::numeric_limits<int>::max();
  builder.SetMaxReceiveMessageSize(
      options.max_message_size == 0
          ? -1
          : static_cast<int>(std::min(options.max_message_size, kMaxMessageBytes)));
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);  // a taken port is an error
  if (options.max_grpc_memory != 0) {
    builder.SetResourceQuota(grpc::ResourceQuota("compiler_gym").Resize(options.max_grpc_memory));
  }
}

// The addresses, with room made for the sockets' files.
Result<std::vector<ListenAddress>> claim(const std::vector<std::string>& texts) {
  std::vector<ListenAddress> addresses;
  for (const std::string& text : texts) {
    Result<ListenAddress> address = parse_listen_address(text);
    if (!address) {
      return address.error();
    }
    if (address->is_unix()) {
      if (grpc::Status free = make_room_for_socket(address->path); !free.ok()) {
        return free;
      }
    }
    addresses.push_back(*std::move(address));
  }
  return addresses;
}

}  // namespace

Result<Listener> start_listening(grpc::ServerBuilder& builder, const ServerOptions& options,
                                 const Access& access) {
  Result<std::vector<ListenAddress>> addresses = claim(options.listen);
  if (!addresses) {
    return addresses.error();
  }
  set_limits(builder, options);
  std::vector<int> ports(addresses->size(), 0);
  for (std::size_t i = 0; i < ports.size(); ++i) {
    builder.AddListeningPort(options.listen[i], access.credentials((*addresses)[i]), &ports[i]);
  }
  Listener listener;
  {
    const RestrictedFileMode mode(options.access.unix_socket_mode);
    listener.server = builder.BuildAndStart();
  }
  if (listener.server == nullptr) {
    return why_not_listening(options.listen);
  }
  for (std::size_t i = 0; i < ports.size(); ++i) {
    ListenAddress& address = (*addresses)[i];
    if (address.is_unix()) {
      grpc::Status permitted = set_socket_mode(address.path, options.access.unix_socket_mode);
      if (!permitted.ok()) {
        return permitted;
      }
    } else {
      address.port = ports[i];
      if (listener.reachable.port == 0) {
        listener.reachable.port = ports[i];
      }
    }
    listener.reachable.addresses.push_back(address.to_string());
  }
  return listener;
}

}  // namespace compiler_gym::internal
