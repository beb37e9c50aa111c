// Whether a request is let in.
#pragma once

#include <atomic>
#include <cstddef>
#include <stop_token>
#include <utility>

#include "async_server/internal/request_budget.h"
#include "core/gate.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// What can be said of a request without looking into it: whether the service is up, and has room.
/// Counts the calls that run, for a drain to wait for.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive the shares and passes that it gave out.
class Admission {
 public:
  explicit Admission(RequestBudget::Amount limit) : budget_(limit) {}

  /// From here on requests are let in, unless they are refused already.
  void open() { open_ = true; }
  [[nodiscard]] bool is_open() const { return open_; }
  /// From here on requests are refused. Idempotent.
  void refuse() { refusing_.request_stop(); }
  /// Triggered by refuse(), on its thread.
  [[nodiscard]] std::stop_token refusing() const { return refusing_.get_token(); }

  /// FAILED_PRECONDITION before open(), UNAVAILABLE after refuse().
  [[nodiscard]] grpc::Status check() const;
  /// check(), and room for a request; the share is to be held until it is answered. Errors: those of
  /// check(); RESOURCE_EXHAUSTED.
  [[nodiscard]] Result<RequestBudget::Share> admit(AdmissionClass admission_class,
                                                   std::size_t bytes);

  /// Completes when so many bytes would be let in, or as many as ever are. Signature: void().
  template <typename Executor, typename Token>
  auto async_room(std::size_t bytes, const Executor& executor, Token&& token) {
    return budget_.async_room(bytes, executor, std::forward<Token>(token));
  }

  /// Calls that were taken on, let in or not. Closed by a drain.
  [[nodiscard]] Gate& running_calls() { return running_calls_; }
  [[nodiscard]] std::size_t requests_in_flight() const { return budget_.in_flight().requests; }

 private:
  RequestBudget budget_;
  Gate running_calls_;
  std::atomic<bool> open_{false};
  std::stop_source refusing_;
};

}  // namespace compiler_gym::internal
