// One request to an embedded service, from the call to its handler.
#pragma once

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <memory>
#include <stop_token>
#include <thread>
#include <utility>

#include "async_server/internal/request_budget.h"
#include "core/gate.h"
#include "core/support/status.h"
#include "core/unique_handler.h"

namespace compiler_gym::internal {

/// Owns the messages of the request.
/// Threads: one at a time.
template <typename Rpc>
class EmbeddedOperation {
 public:
  using Request = typename Rpc::Request;
  using Reply = typename Rpc::Reply;
  using Handler = UniqueHandler<void(Result<Reply>)>;

  /// Completes with INTERNAL what has not been completed.
  struct Deleter {
    void operator()(EmbeddedOperation* operation) const {
      complete(Ptr(operation), internal_error("The request was dropped by the service"));
    }
  };
  using Ptr = std::unique_ptr<EmbeddedOperation, Deleter>;

  template <typename... Args>
  [[nodiscard]] static Ptr make(Args&&... args) {
    return Ptr(new EmbeddedOperation(std::forward<Args>(args)...));
  }

  /// `pass` is given back when the handler is called, and `share` before. `stop_all` stops the
  /// request as `own_stop` does.
  EmbeddedOperation(boost::asio::io_context& io_context, Gate::Pass pass,
                    RequestBudget::Share share, Request request, std::stop_source own_stop,
                    const std::stop_token& stop_all, Handler handler)
      : pass_(std::move(pass)),
        share_(std::move(share)),
        request_(std::move(request)),
        stop_(std::move(own_stop)),
        stop_with_all_(stop_all, RequestStop{stop_}),
        handler_(std::move(handler)),
        io_context_(io_context) {}

  [[nodiscard]] Request& request() { return request_; }
  [[nodiscard]] Reply& reply() { return reply_; }
  [[nodiscard]] const std::stop_source& stop() const { return stop_; }

  // On the thread that made the request this may be inside the initiating call, which must not run
  // the handler.
  static void complete(Ptr to_complete, const grpc::Status& status) {
    std::unique_ptr<EmbeddedOperation> operation(to_complete.release());
    EmbeddedOperation& completed = *operation;
    completed.status_ = status;
    if (completed.caller_ == std::this_thread::get_id()) {
      boost::asio::post(completed.io_context_, [operation = std::move(operation)]() mutable {
        deliver(std::move(operation));
      });
    } else {
      deliver(std::move(operation));
    }
  }

 private:
  struct RequestStop {
    std::stop_source stop;
    void operator()() { stop.request_stop(); }
  };

  static void deliver(std::unique_ptr<EmbeddedOperation> operation) {
    // A drain completes after it.
    const Gate::Pass until_handed_over = std::move(operation->pass_);
    Handler handler = std::move(operation->handler_);
    Result<Reply> result = operation->status_.ok() ? Result<Reply>(std::move(operation->reply_))
                                                   : Result<Reply>(operation->status_);
    operation.reset();  // gives the operation's memory back before the handler starts the next
    handler(std::move(result));
  }

  Gate::Pass pass_;  // first, so that it is given back last
  RequestBudget::Share share_;
  Request request_;
  Reply reply_;
  std::stop_source stop_;
  std::stop_callback<RequestStop> stop_with_all_;
  Handler handler_;
  grpc::Status status_;
  boost::asio::io_context& io_context_;
  const std::thread::id caller_ = std::this_thread::get_id();
};

}  // namespace compiler_gym::internal
