// An asynchronous client of a compiler service, on the completion-queue pump of core/.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/client_context.h>
#include <grpcpp/completion_queue.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <chrono>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/client_credentials.h"
#include "client/outgoing_call.h"
#include "core/completion_queue_pump.h"
#include "core/support/status.h"
#include "proto/rpcs.h"

namespace compiler_gym {

struct CallOptions {
  /// From the start of the call; DEADLINE_EXCEEDED after it. Without one a call may take for ever.
  std::optional<std::chrono::milliseconds> timeout;
  /// Wait for a server that cannot be reached yet (until the timeout) rather than fail with
  /// UNAVAILABLE.
  bool wait_for_ready = false;
};

/// A channel to `host:port` or `unix:PATH`, connected when first used. Messages of any size, error
/// texts up to 512 kB, no proxy, and a connection of its own: channels to one target share nothing.
/// Of the credentials it takes TLS; the token goes with each call.
[[nodiscard]] std::shared_ptr<grpc::Channel> make_channel(
    const std::string& target, const ClientCredentials& credentials = {});

/// One coroutine-friendly function per RPC of the service.
///
///     ServiceClient client(pump, "localhost:4242");
///     Result<StepReply> reply = co_await client.step(request, {.timeout = 5s});
///
/// Signature: void(Result<Reply>): the reply, or the status of the call.
/// Executor:  the handler runs on its associated executor, or on the pump's if it has none.
/// Cancel:    every type, by the handler's cancellation slot: the call is given up and completes
///            with CANCELLED, unless its answer was there first. As in all of Asio, emit on the
///            handler's executor.
/// Threads:   every member may be called from any thread.
/// Lifetime:  needed until a call has begun only, the pump until it has completed. The pump must not
///            have been shut down. A request is copied (or moved) in and gone once the call began.
/// Errors:    statuses, never exceptions: what the service answered, or gRPC's own.
class ServiceClient {
 public:
  ServiceClient(CompletionQueuePump& pump, const std::string& target,
                const ClientCredentials& credentials = {})
      : ServiceClient(pump, make_channel(target, credentials), credentials.token) {}

  /// For a channel made elsewhere: in-process, or with arguments of its own.
  ServiceClient(CompletionQueuePump& pump, std::shared_ptr<grpc::Channel> channel,
                const std::string& token = "")
      : pump_(&pump),
        stub_(CompilerGymService::NewStub(std::move(channel))),
        authorization_(authorization_of(token)) {}

  // One function for each RPC of the service, see COMPILER_GYM_RPCS:
  //
  //     client.get_version(options, token)
  //     client.get_spaces(options, token)
  //     client.step(StepRequest, options, token), and so on
  //
  // By default there are no options, and the token is use_awaitable.
#define COMPILER_GYM_PLAIN_FUNCTION(Name, name)                                   \
  template <typename Token = boost::asio::use_awaitable_t<>>                      \
  auto name(CallOptions options = {}, Token&& token = Token()) {                  \
    return call<rpc::Name>(Name##Request(), options, std::forward<Token>(token)); \
  }
#define COMPILER_GYM_FUNCTION(Name, name)                                               \
  template <typename Token = boost::asio::use_awaitable_t<>>                            \
  auto name(Name##Request request, CallOptions options = {}, Token&& token = Token()) { \
    return call<rpc::Name>(std::move(request), options, std::forward<Token>(token));    \
  }
  COMPILER_GYM_RPCS(COMPILER_GYM_PLAIN_FUNCTION, COMPILER_GYM_FUNCTION)
#undef COMPILER_GYM_PLAIN_FUNCTION
#undef COMPILER_GYM_FUNCTION

  /// The same for code that makes any of them: call<rpc::Step>(request, options, token).
  template <typename Rpc, typename Token = boost::asio::use_awaitable_t<>>
  auto call(typename Rpc::Request request, CallOptions options = {}, Token&& token = Token()) {
    using Request = typename Rpc::Request;
    using Reply = typename Rpc::Reply;
    return boost::asio::async_initiate<Token, void(Result<Reply>)>(
        [](auto handler, CompletionQueuePump* pump, std::shared_ptr<Stub> stub, Request message,
           CallOptions call_options, const std::string& authorization) {
          auto outgoing = std::make_unique<OutgoingCall<Reply>>();
          if (!authorization.empty()) {
            outgoing->rpc_context.AddMetadata("authorization", authorization);
          }
          if (call_options.timeout) {
            outgoing->rpc_context.set_deadline(std::chrono::system_clock::now() +
                                               *call_options.timeout);
          }
          outgoing->rpc_context.set_wait_for_ready(call_options.wait_for_ready);
          outgoing->reader =
              (*stub.*Rpc::kPrepareAsync)(&outgoing->rpc_context, message, &pump->queue());
          start_outgoing_call(pump->executor(), std::move(outgoing), std::move(handler));
        },
        token, pump_, stub_, std::move(request), options, authorization_);
  }

 private:
  using Stub = CompilerGymService::Stub;

  CompletionQueuePump* pump_;
  std::shared_ptr<Stub> stub_;
  std::string authorization_;  // of every call; empty: none
};

}  // namespace compiler_gym
