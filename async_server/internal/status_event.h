// A status that is known at some time, and those who wait for it.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "core/unique_handler.h"

namespace compiler_gym::internal {

/// Set once. Handlers are called by a function that is posted to the io_context, so that they are
/// neither inside of the call nor on a strand that it is made on, and may destroy this object.
/// Threads: one at a time.
class StatusEvent {
 public:
  using Handler = UniqueHandler<void(grpc::Status)>;

  explicit StatusEvent(boost::asio::io_context& io_context) : io_context_(io_context) {}

  [[nodiscard]] bool is_set() const { return status_.has_value(); }
  /// If it is set.
  [[nodiscard]] const grpc::Status& status() const { return *status_; }

  void wait(Handler handler) {
    waiters_.push_back(std::move(handler));
    if (is_set()) {
      complete_all();
    }
  }

  void set(grpc::Status status) {
    status_ = std::move(status);
    complete_all();
  }

 private:
  void complete_all() {
    // After the post this object may be gone.
    boost::asio::post(io_context_,
                      [status = *status_, waiters = std::exchange(waiters_, {})]() mutable {
                        for (Handler& waiter : waiters) {
                          waiter(status);
                        }
                      });
  }

  boost::asio::io_context& io_context_;
  std::optional<grpc::Status> status_;
  std::vector<Handler> waiters_;
};

}  // namespace compiler_gym::internal
