// How the requests of a lane reach the service.
#pragma once

#include <boost/asio/as_tuple.hpp>
#include <boost/asio/awaitable.hpp>
#include <boost/asio/this_coro.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "client/service_client.h"
#include "client/stream_client.h"
#include "core/run_together.h"
#include "core/support/clock.h"
#include "core/support/status.h"

namespace compiler_gym::fuzz {

/// Calls at first, and a stream once one is opened.
/// Threads:  on a strand, that of the coroutines; one call at a time.
/// Lifetime: the client outlives it. Destroying it gives up what is under way on its stream.
class LaneTransport {
 public:
  using MakeStream = std::function<std::unique_ptr<StreamClient>()>;

  LaneTransport(ServiceClient& client, MakeStream make_stream)
      : client_(&client), make_stream_(std::move(make_stream)) {}

  /// From now on requests go on a new stream. One that is open is left, with what is under way there.
  void open_stream() { stream_ = make_stream_(); }
  [[nodiscard]] bool has_stream() const { return stream_ != nullptr; }

  /// `pad`: so many bytes more, in a field that the service does not know.
  /// Errors: DEADLINE_EXCEEDED when it has taken longer than the options' timeout. On a stream that
  ///         costs the stream, and there is a new one.
  template <typename Rpc>
  [[nodiscard]] boost::asio::awaitable<Result<typename Rpc::Reply>> call(
      typename Rpc::Request request, std::size_t pad, CallOptions options) {
    constexpr int kUnknownField = 1000;
    if (pad > 0) {
      request.GetReflection()->MutableUnknownFields(&request)->AddLengthDelimited(
          kUnknownField, std::string(pad, 'x'));
    }
    if (stream_ == nullptr) {
      co_return co_await client_->call<Rpc>(std::move(request), options);
    }
    co_return co_await call_on_stream<Rpc>(std::move(request), options.timeout.value());
  }

  /// The status of the stream, once it has ended; OK without one.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> async_close() {
    if (stream_ == nullptr) {
      co_return grpc::Status::OK;
    }
    co_return co_await stream_->async_close();
  }

 private:
  template <typename Rpc>
  boost::asio::awaitable<Result<typename Rpc::Reply>> call_on_stream(typename Rpc::Request request,
                                                                     Clock::duration timeout) {
    std::optional<Result<typename Rpc::Reply>> reply;
    bool late = false;
    Timer patience(co_await boost::asio::this_coro::executor, timeout);
    const auto ask = [&]() -> boost::asio::awaitable<void> {
      reply = co_await stream_->call<Rpc>(std::move(request));
      patience.cancel();
    };
    const auto watch = [&]() -> boost::asio::awaitable<void> {
      if (!reply.has_value()) {
        co_await patience.async_wait(boost::asio::as_tuple(boost::asio::use_awaitable));
      }
      if (!reply.has_value()) {
        late = true;
        open_stream();  // single requests of a stream can't be given up
      }
    };
    const auto both = [&](int which) { return which == 0 ? ask() : watch(); };
    co_await run_together(2, both);
    if (late) {
      co_return grpc::Status(grpc::StatusCode::DEADLINE_EXCEEDED, "given up, with its stream");
    }
    co_return *std::move(reply);
  }

  ServiceClient* client_;
  MakeStream make_stream_;
  std::unique_ptr<StreamClient> stream_;
};

}  // namespace compiler_gym::fuzz
