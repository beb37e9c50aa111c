#include "async_server/internal/listener.h"

#include <grpc/grpc.h>
#include <grpcpp/resource_quota.h>

#include <algorithm>
#include <cstddef>
#include <limits>
#include <utility>

#include "async_server/internal/listen_address.h"
#include "async_server/internal/listening_socket.h"

namespace compiler_gym::internal {
namespace {

constexpr int kMaxMetadataBytes = 512 * 1024;  // error texts travel in it

// A step may take minutes, during which a client or what stands between sees to it by pings that its
// connection is there. gRPC's default takes one in five minutes, and cuts the connection at the third.
constexpr int kMinPingIntervalMs = 5'000;

// A client that is gone without a word (a cable, a NAT) is found out, and its calls end.
constexpr int kKeepaliveTimeMs = 60'000;
constexpr int kKeepaliveTimeoutMs = 20'000;

// Of one connection at one time. gRPC's default is no limit: then one client's flood of calls, begun
// and reset at once, is all that the server is busy with.
constexpr int kMaxConcurrentStreams = 8'192;

// A message that the service has no room for in any case is refused by its header. One that is just over
// that is read, so that the client hears by how much.
int max_message_bytes(const ServerOptions& options) {
  constexpr std::size_t kMaxMessageBytes = std::numeric_limits<int>::max();
  constexpr std::size_t kSlack = std::size_t{1} << 20;
  std::size_t bytes = kMaxMessageBytes;
  if (options.max_message_size != 0) {
    bytes = std::min(bytes, options.max_message_size);
  }
  if (options.max_bytes_in_flight < kMaxMessageBytes - kSlack) {
    bytes = std::min(bytes, options.max_bytes_in_flight + kSlack);
  }
  return static_cast<int>(bytes);
}

void set_limits(grpc::ServerBuilder& builder, const ServerOptions& options) {
  builder.SetMaxReceiveMessageSize(max_message_bytes(options));
  builder.SetMaxSendMessageSize(-1);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMaxMetadataBytes);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kMinPingIntervalMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS, kKeepaliveTimeMs);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, kKeepaliveTimeoutMs);
  // Its own pings are not to stop because a call has nothing to send for long.
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kMaxConcurrentStreams);
  if (options.max_grpc_memory != 0) {
    builder.SetResourceQuota(grpc::ResourceQuota("compiler_gym").Resize(options.max_grpc_memory));
  }
}

}  // namespace

Result<Listener> start_listening(grpc::ServerBuilder& builder, const ServerOptions& options,
                                 const Access& access, ConnectionAcceptor& acceptor) {
  set_limits(builder, options);
  Listener listener;
  for (const std::string& text : options.listen) {
    const Result<ListenAddress> address = parse_listen_address(text);
    if (!address) {
      return address.error();
    }
    Result<std::vector<ListeningSocket>> sockets =
        open_listening_sockets(*address, options.access.unix_socket_mode);
    if (!sockets) {
      return sockets.error();
    }
    for (ListeningSocket& socket : *sockets) {
      if (listener.reachable.port == 0) {
        listener.reachable.port = socket.address.port;
      }
      listener.reachable.addresses.push_back(socket.address.to_string());
      acceptor.add(builder, std::move(socket), access);
    }
  }
  listener.server = builder.BuildAndStart();
  if (listener.server == nullptr) {
    return unavailable("gRPC's server cannot be started");
  }
  return listener;
}

}  // namespace compiler_gym::internal
