// An asynchronous client of a compiler service whose calls share one stream.
#pragma once

#include <grpcpp/channel.h>
#include <grpcpp/support/status.h>

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <utility>

#include "client/client_credentials.h"
#include "core/completion_queue_pump.h"
#include "core/support/status.h"
#include "core/unique_handler.h"
#include "proto/rpcs.h"

namespace compiler_gym {
namespace internal {
class StreamConnection;
}  // namespace internal

/// The calls of ServiceClient on a stream of CompilerGymStream: cheaper each, the more of them are
/// under way at a time.
///
///     StreamClient stream(pump, channel);
///     Result<StepReply> reply = co_await stream.step(request);
///     ...
///     co_await stream.async_close();
///
/// Signature: void(Result<Reply>): the reply, or the status of the request. If the stream ends
///            before, its status; UNAVAILABLE if that is OK.
/// Executor:  the handler runs on its associated executor, or on the pump's if it has none.
/// Cancel:    of single calls is not supported; destroying the client cancels all.
/// Order:     as the .proto has it: calls on one session take effect in the order they are made.
/// Threads:   every member may be called from any thread.
/// Lifetime:  async_close() must have completed before the pump is shut down.
class StreamClient {
 public:
  StreamClient(CompletionQueuePump& pump, std::shared_ptr<grpc::Channel> channel,
               const std::string& token = "");
  StreamClient(const StreamClient&) = delete;
  StreamClient& operator=(const StreamClient&) = delete;
  ~StreamClient();

  // One function for each RPC of the service, see COMPILER_GYM_RPCS:
  //
  //     stream.get_version(token)
  //     stream.get_spaces(token)
  //     stream.step(StepRequest, token), and so on
  //
  // By default the token is use_awaitable.
#define COMPILER_GYM_PLAIN_FUNCTION(Name, name)                          \
  template <typename Token = boost::asio::use_awaitable_t<>>             \
  auto name(Token&& token = Token()) {                                   \
    return call<rpc::Name>(Name##Request(), std::forward<Token>(token)); \
  }
#define COMPILER_GYM_FUNCTION(Name, name)                                   \
  template <typename Token = boost::asio::use_awaitable_t<>>                \
  auto name(Name##Request request, Token&& token = Token()) {               \
    return call<rpc::Name>(std::move(request), std::forward<Token>(token)); \
  }
  COMPILER_GYM_RPCS(COMPILER_GYM_PLAIN_FUNCTION, COMPILER_GYM_FUNCTION)
#undef COMPILER_GYM_PLAIN_FUNCTION
#undef COMPILER_GYM_FUNCTION

  /// The same for code that makes any of them: call<rpc::Step>(request, token).
  template <typename Rpc, typename Token = boost::asio::use_awaitable_t<>>
  auto call(typename Rpc::Request request, Token&& token = Token()) {
    using Reply = typename Rpc::Reply;
    StreamRequest message;
    *(message.*Rpc::kStreamRequest)() = std::move(request);
    return boost::asio::async_initiate<Token, void(Result<Reply>)>(
        [](auto handler, std::shared_ptr<internal::StreamConnection> connection,
           CompletionQueuePump* pump, StreamRequest sent) {
          auto on_answer =
              [handler = UniqueHandler<void(Result<Reply>)>(std::move(handler), pump->executor())](
                  Result<StreamReply> answer) mutable {
                if (!answer) {
                  handler(answer.error());
                } else if (answer->has_error()) {
                  handler(to_status(answer->error()));
                } else {
                  handler(std::move(*((*answer).*Rpc::kStreamReply)()));
                }
              };
          send(*connection, std::move(sent), AnswerHandler(std::move(on_answer), pump->executor()));
        },
        token, connection_, pump_, std::move(message));
  }

  /// Closes the client's side, and completes with the status of the stream when it has ended: OK if
  /// all that was asked is answered. Signature: void(grpc::Status). Call it once.
  template <typename Token = boost::asio::use_awaitable_t<>>
  auto async_close(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [](auto handler, std::shared_ptr<internal::StreamConnection> connection,
           CompletionQueuePump* pump) {
          close(*connection, StatusHandler(std::move(handler), pump->executor()));
        },
        token, connection_, pump_);
  }

 private:
  using AnswerHandler = UniqueHandler<void(Result<StreamReply>)>;
  using StatusHandler = UniqueHandler<void(grpc::Status)>;

  static void send(internal::StreamConnection& connection, StreamRequest request,
                   AnswerHandler handler);
  static void close(internal::StreamConnection& connection, StatusHandler handler);
  static grpc::Status to_status(const StreamError& error);

  CompletionQueuePump* pump_;
  std::shared_ptr<internal::StreamConnection> connection_;
};

}  // namespace compiler_gym
