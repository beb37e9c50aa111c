// The service inside an application: no socket, no serialisation.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/asio/associated_cancellation_slot.hpp>
#include <boost/asio/async_result.hpp>
#include <boost/asio/cancellation_type.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <memory>
#include <optional>
#include <stop_token>
#include <utility>

#include "async_server/service_options.h"
#include "async_server/service_plugin.h"
#include "async_server/service_runtime.h"
#include "core/support/clock.h"
#include "core/support/logger.h"
#include "core/support/status.h"
#include "core/unique_handler.h"
#include "proto/rpcs.h"
#include "sessions/isolated/zygote.h"

namespace compiler_gym {

struct EmbeddedServiceOptions : ServiceOptions {
  PluginThreads plugin_threads = PluginThreads::kPool;
};

/// A compiler's sessions for the program it is linked into, by the same rules as a Server's: ids,
/// order, limits, statuses. One asynchronous operation per RPC, on the caller's io_context, which one
/// thread is enough to run.
///
///     EmbeddedService service(io_context, make_service_plugin<MySession>(), options, *logger);
///     grpc::Status started = co_await service.async_start();
///     Result<StartSessionReply> session = co_await service.async_start_session(request);
///     Result<StepReply> reply = co_await service.async_step(step);
///     ...
///     co_await service.async_drain(5s);
///
/// Signature: of the requests: void(Result<Reply>): the reply, or the status that the RPC would have.
/// Executor:  handlers run on their associated executor, those without one on the io_context; never
///            inside the initiating call.
/// Cancel:    every type, by the handler's cancellation slot: a request that waits completes with
///            CANCELLED, one that runs is asked to stop. GetVersion, GetSpaces, EndSession and
///            AddBenchmark are not cancelled.
/// Order:     requests to one session run in the order they are made; EndSession asks a running one
///            to stop.
/// Threads:   every member may be called from any thread.
/// Work:      what keeps the io_context's run() from returning are requests under way and, with
///            SessionServiceOptions::request_timeout, the timers of open sessions; after the drain
///            there is none.
/// Lifetime:  the io_context and the logger must outlive it. Destroy it when async_drain() has
///            completed, or async_start() with an error, or if it was never started (asserted).
/// Errors:    FAILED_PRECONDITION before async_start() has completed; UNAVAILABLE from async_drain()
///            on.
class EmbeddedService {
  using StatusHandler = UniqueHandler<void(grpc::Status)>;
  template <typename Reply>
  using ReplyHandler = UniqueHandler<void(Result<Reply>)>;

 public:
  /// `zygote`: of this plug-in; without one no session can be isolated.
  EmbeddedService(boost::asio::io_context& io_context, ServicePlugin plugin,
                  EmbeddedServiceOptions options, Logger& logger,
                  std::optional<isolated::Zygote> zygote = std::nullopt);
  EmbeddedService(const EmbeddedService&) = delete;
  EmbeddedService& operator=(const EmbeddedService&) = delete;
  ~EmbeddedService();

  /// Initialises the context. Once. After an error its shutdown has run as well, and there is nothing
  /// to drain. Signature: void(grpc::Status).
  template <typename Token = boost::asio::use_awaitable_t<>>
  auto async_start(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this](auto handler) { start(StatusHandler(std::move(handler), executor_)); }, token);
  }

  /// Refuses new requests, lets those under way finish for `grace`, then asks them to stop, ends all
  /// sessions and shuts the context down; completes with what that returned. Idempotent: any number
  /// of callers, and the earliest deadline holds. OK at once if it is not running. Signature:
  /// void(grpc::Status).
  template <typename Token = boost::asio::use_awaitable_t<>>
  auto async_drain(Clock::duration grace, Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [this, grace](auto handler) { drain(grace, StatusHandler(std::move(handler), executor_)); },
        token);
  }

  // One function for each RPC of the service, see COMPILER_GYM_RPCS:
  //
  //     service.async_get_version(token)
  //     service.async_get_spaces(token)
  //     service.async_step(StepRequest, token), and so on
  //
  // By default the token is use_awaitable.
#define COMPILER_GYM_PLAIN_FUNCTION(Name, name)                                \
  template <typename Token = boost::asio::use_awaitable_t<>>                   \
  auto async_##name(Token&& token = Token()) {                                 \
    return async_call<rpc::Name>(Name##Request(), std::forward<Token>(token)); \
  }
#define COMPILER_GYM_FUNCTION(Name, name)                                         \
  template <typename Token = boost::asio::use_awaitable_t<>>                      \
  auto async_##name(Name##Request request, Token&& token = Token()) {             \
    return async_call<rpc::Name>(std::move(request), std::forward<Token>(token)); \
  }
  COMPILER_GYM_RPCS(COMPILER_GYM_PLAIN_FUNCTION, COMPILER_GYM_FUNCTION)
#undef COMPILER_GYM_PLAIN_FUNCTION
#undef COMPILER_GYM_FUNCTION

  /// The same for code that serves any of them: async_call<rpc::Step>(request, token).
  template <typename Rpc, typename Token = boost::asio::use_awaitable_t<>>
  auto async_call(typename Rpc::Request request, Token&& token = Token()) {
    using Request = typename Rpc::Request;
    using Reply = typename Rpc::Reply;
    return boost::asio::async_initiate<Token, void(Result<Reply>)>(
        [this](auto handler, Request sent) {
          std::stop_source stop;
          auto slot = boost::asio::get_associated_cancellation_slot(handler);
          if (slot.is_connected()) {
            slot.assign([stop](boost::asio::cancellation_type type) mutable {
              if (type != boost::asio::cancellation_type::none) {
                stop.request_stop();
              }
            });
          }
          submit<Rpc>(std::move(sent), std::move(stop),
                      ReplyHandler<Reply>(std::move(handler), executor_));
        },
        token, std::move(request));
  }

  [[nodiscard]] std::size_t session_count() const;
  /// Requests that count towards EmbeddedServiceOptions::max_requests_in_flight.
  [[nodiscard]] std::size_t requests_in_flight() const;

 private:
  void start(StatusHandler handler);
  void drain(Clock::duration grace, StatusHandler handler);
  template <typename Rpc>
  void submit(typename Rpc::Request request, std::stop_source stop,
              ReplyHandler<typename Rpc::Reply> handler);

  class Impl;
  boost::asio::io_context::executor_type executor_;
  std::unique_ptr<Impl> impl_;
};

}  // namespace compiler_gym
