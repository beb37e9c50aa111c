// An asynchronous client of a compiler service whose calls share one stream.
#pragma once

#include <boost/asio/async_result.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <memory>
#include <string>
#include <utility>

#include "client/client_credentials.h"
#include "client/internal/stream_connection.h"
#include "core/completion_queue_pump.h"
#include "core/support/status.h"
#include "proto/compiler_gym_stream.pb.h"

namespace compiler_gym {

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

  template <typename Token = boost::asio::use_awaitable_t<>>
  auto get_version(Token&& token = Token()) {
    return call<GetVersionReply>(GetVersionRequest(), &StreamRequest::mutable_get_version,
                                 &StreamReply::mutable_get_version, std::forward<Token>(token));
  }

  template <typename Token = boost::asio::use_awaitable_t<>>
  auto get_spaces(Token&& token = Token()) {
    return call<GetSpacesReply>(GetSpacesRequest(), &StreamRequest::mutable_get_spaces,
                                &StreamReply::mutable_get_spaces, std::forward<Token>(token));
  }

  template <typename Token = boost::asio::use_awaitable_t<>>
  auto start_session(StartSessionRequest request, Token&& token = Token()) {
    return call<StartSessionReply>(std::move(request), &StreamRequest::mutable_start_session,
                                   &StreamReply::mutable_start_session, std::forward<Token>(token));
  }

  template <typename Token = boost::asio::use_awaitable_t<>>
  auto fork_session(ForkSessionRequest request, Token&& token = Token()) {
    return call<ForkSessionReply>(std::move(request), &StreamRequest::mutable_fork_session,
                                  &StreamReply::mutable_fork_session, std::forward<Token>(token));
  }

  template <typename Token = boost::asio::use_awaitable_t<>>
  auto end_session(EndSessionRequest request, Token&& token = Token()) {
    return call<EndSessionReply>(std::move(request), &StreamRequest::mutable_end_session,
                                 &StreamReply::mutable_end_session, std::forward<Token>(token));
  }

  template <typename Token = boost::asio::use_awaitable_t<>>
  auto step(StepRequest request, Token&& token = Token()) {
    return call<StepReply>(std::move(request), &StreamRequest::mutable_step,
                           &StreamReply::mutable_step, std::forward<Token>(token));
  }

  template <typename Token = boost::asio::use_awaitable_t<>>
  auto add_benchmark(AddBenchmarkRequest request, Token&& token = Token()) {
    return call<AddBenchmarkReply>(std::move(request), &StreamRequest::mutable_add_benchmark,
                                   &StreamReply::mutable_add_benchmark, std::forward<Token>(token));
  }

  template <typename Token = boost::asio::use_awaitable_t<>>
  auto send_session_parameter(SendSessionParameterRequest request, Token&& token = Token()) {
    return call<SendSessionParameterReply>(
        std::move(request), &StreamRequest::mutable_send_session_parameter,
        &StreamReply::mutable_send_session_parameter, std::forward<Token>(token));
  }

  /// Closes the client's side, and completes with the status of the stream when it has ended: OK if
  /// all that was asked is answered. Signature: void(grpc::Status). Call it once.
  template <typename Token = boost::asio::use_awaitable_t<>>
  auto async_close(Token&& token = Token()) {
    return boost::asio::async_initiate<Token, void(grpc::Status)>(
        [](auto handler, std::shared_ptr<internal::StreamConnection> connection,
           CompletionQueuePump* pump) {
          connection->close(
              internal::StreamConnection::StatusHandler(std::move(handler), pump->executor()));
        },
        token, connection_, pump_);
  }

 private:
  template <typename Reply, typename Request, typename Token>
  auto call(Request request, Request* (StreamRequest::*request_of)(),
            Reply* (StreamReply::*reply_of)(), Token&& token) {
    StreamRequest message;
    *(message.*request_of)() = std::move(request);
    return boost::asio::async_initiate<Token, void(Result<Reply>)>(
        [](auto handler, std::shared_ptr<internal::StreamConnection> connection,
           CompletionQueuePump* pump, StreamRequest sent, Reply* (StreamReply::*reply)()) {
          using Handler = UniqueHandler<void(Result<Reply>)>;
          connection->send(std::move(sent),
                           internal::StreamConnection::ReplyHandler(
                               [handler = Handler(std::move(handler), pump->executor()),
                                reply](Result<StreamReply> answer) mutable {
                                 if (!answer) {
                                   handler(answer.error());
                                 } else if (answer->has_error()) {
                                   handler(to_status(answer->error()));
                                 } else {
                                   handler(std::move(*((*answer).*reply)()));
                                 }
                               }));
        },
        token, connection_, pump_, std::move(message), reply_of);
  }

  static grpc::Status to_status(const StreamError& error);

  CompletionQueuePump* pump_;
  std::shared_ptr<internal::StreamConnection> connection_;
};

}  // namespace compiler_gym
