// The service as one asynchronous operation.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/io_context.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "async_server/access_options.h"
#include "async_server/service_options.h"
#include "async_server/service_plugin.h"
#include "async_server/stream_options.h"
#include "core/support/clock.h"
#include "core/support/logger.h"
#include "core/unique_handler.h"
#include "sessions/isolated/zygote.h"

namespace compiler_gym {

struct ServerOptions : ServiceOptions {
  /// Addresses to listen on: `host:port`, with port 0 for any that is free, or `unix:PATH`.
  std::vector<std::string> listen = {"127.0.0.1:0"};
  AccessOptions access;
  /// Whether to write `addresses.txt`, `port.txt` and `pid.txt` to the working directory once the
  /// service can be reached.
  bool write_service_files = false;
  /// Of the requests in flight, together; as max_requests_in_flight, and before the request is parsed.
  std::size_t max_bytes_in_flight = std::size_t{4} << 30;  // the half of it: protobuf's own limit
  /// Bytes of replies that their clients have not read yet; the number of these is bounded as that of
  /// requests is. Beyond either, the calls that have waited longest for their client are cancelled.
  std::size_t max_unread_bytes = std::size_t{2} << 30;  // protobuf's limit of one message
  /// Bytes of one request; RESOURCE_EXHAUSTED beyond. 0: as many as protobuf can take, 2 GiB.
  std::size_t max_message_size = 0;
  /// Bytes that gRPC may use for connections and for messages on their way: beyond it, it refuses
  /// connections and resets calls (RESOURCE_EXHAUSTED) until it has less. A soft bound. 0: none.
  std::size_t max_grpc_memory = std::size_t{4} << 30;
  /// How long a drain lets running requests finish before it cancels them.
  std::chrono::milliseconds drain_grace{20'000};
  /// Sessions idle for longer are ended. 0: never.
  std::chrono::milliseconds session_ttl{0};
  /// How long the thread of the io_context that waits for gRPC does so before it looks for what else
  /// there is to do. nullopt, if two threads or more run the io_context: as long as it takes.
  std::optional<std::chrono::milliseconds> max_wait{250};
  /// RPCs of each method that wait to be accepted at one time.
  int slots_per_method = 16;
  /// Of CompilerGymStream.
  StreamOptions streams;
};

/// Serves a compiler on an io_context: context init, listening, serving, drain and context shutdown
/// are one operation, async_run(), after which the io_context has nothing left of ours and runs dry
/// by itself.
///
///     asio::io_context io_context;
///     Server server(io_context, plugin, options, *logger);
///     server.async_run([](grpc::Status status) { ... });
///     // two threads or more: io_context.run();
///
/// Threads:  every member may be called from any thread. One thread of the io_context is mostly
///           waiting for gRPC, so run it on two or more. Plug-in code runs on threads of the
///           server's own; on the io_context's only steps that CompilationSession::isCheap() says
///           are cheap.
/// Lifetime: the io_context and the logger must outlive it. Destroy it after async_run() completed,
///           or if it never ran.
/// Cancel:   cancelling async_run() is async_drain().
class Server {
  using StatusHandler = UniqueHandler<void(grpc::Status)>;

 public:
  /// `zygote`: of this plug-in; without one no session can be isolated.
  Server(boost::asio::io_context& io_context, ServicePlugin plugin, ServerOptions options,
         Logger& logger, std::optional<isolated::Zygote> zygote = std::nullopt);
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;
  ~Server();

  /// Runs the service until it is drained. Call it once. Signature: void(grpc::Status).
  /// Errors: why it could not start (context init, an address, a file), or what the context's
  ///         shutdown returned. A drain that was asked for is no error, also before serving began.
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_run(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) {
          auto slot = boost::asio::get_associated_cancellation_slot(handler);
          if (slot.is_connected()) {
            slot.assign([this](boost::asio::cancellation_type type) {
              if (type != boost::asio::cancellation_type::none) {
                drain();
              }
            });
          }
          run(StatusHandler(std::move(handler), executor_));
        },
        token);
  }

  /// Completes when the service can be reached: OK, or why it never will. Signature:
  /// void(grpc::Status).
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_started(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { wait_started(StatusHandler(std::move(handler), executor_)); },
        token);
  }

  /// Refuses new requests, lets running ones finish for `grace`, then cancels them, and completes when
  /// async_run() does, with its status. Refused is UNAVAILABLE; only what arrives at the moment at
  /// which gRPC stops listening it may answer with CANCELLED, or (1.51) not before the drain ends.
  /// Idempotent: any number of callers, and the earliest deadline holds. OK at once if the server is
  /// not running. Signature: void(grpc::Status).
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_drain(Clock::duration grace, Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this, grace](auto handler) { drain(grace, StatusHandler(std::move(handler), executor_)); },
        token);
  }

  /// For a process that can't wait any more for what hangs, such as plug-in code that never returns:
  /// runs the context's shutdown although requests and sessions are left, once, and completes with
  /// its status; never, if that hangs as well. All that is left to do then is to end the process
  /// without destroying anything. Signature: void(grpc::Status).
  template <boost::asio::completion_token_for<void(grpc::Status)> Token>
  auto async_abandon(Token&& token) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { abandon(StatusHandler(std::move(handler), executor_)); }, token);
  }

  /// What is being listened on, once started: as ServerOptions::listen, with the ports that were
  /// found.
  [[nodiscard]] std::vector<std::string> addresses() const;
  /// The port of the first TCP address, once started; 0 if there is none.
  [[nodiscard]] int port() const;
  /// A channel to this server that needs no socket, by gRPC's in-process transport; null unless it
  /// is being served. Calls are let in by the token, as on any other, and not encrypted. With
  /// ServerOptions::listen empty nobody else can connect. No call may be started on it after
  /// async_run() has completed: gRPC 1.51 then reaches for a server that is gone.
  /// A drain may cancel calls on it and lose replies (CANCELLED): gRPC's in-process transport closes
  /// at once where a socket's lets calls finish.
  [[nodiscard]] std::shared_ptr<grpc::Channel> in_process_channel();
  /// Sessions open now; after a drain, those that were left when the last request had been
  /// answered.
  [[nodiscard]] std::size_t session_count() const;
  /// Requests that count towards ServerOptions::max_requests_in_flight.
  [[nodiscard]] std::size_t requests_in_flight() const;
  /// What counts towards ServerOptions::max_unread_bytes.
  [[nodiscard]] std::size_t unread_bytes() const;
  /// Calls that were cancelled because of it.
  [[nodiscard]] std::uint64_t unread_replies_given_up() const;

 private:
  void run(StatusHandler handler);
  void wait_started(StatusHandler handler);
  void drain();
  void drain(Clock::duration grace, StatusHandler handler);
  void abandon(StatusHandler handler);

  class Impl;
  boost::asio::io_context::executor_type executor_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace compiler_gym
