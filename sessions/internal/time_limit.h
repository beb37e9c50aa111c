// How long a request may take that runs in the service's own process.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <type_traits>

#include "core/lazy_timer.h"
#include "core/support/clock.h"
#include "core/support/status.h"

namespace compiler_gym::internal {

/// What a client hears of its request, whichever process it ran in.
[[nodiscard]] std::string time_limit_passed(std::chrono::milliseconds limit);

/// Asks requests to stop that take too long, one after another; nobody can make them. A timer does,
/// on the event loop: the threads of the requests have no time for one.
/// Threads:  apply() from one at a time.
/// Lifetime: owned by a shared_ptr.
class TimeLimit : public std::enable_shared_from_this<TimeLimit> {
 public:
  /// `limit` of 0: none.
  TimeLimit(const boost::asio::any_io_executor& executor, std::chrono::milliseconds limit);

  /// Returns what `run` does with a stop token that is triggered by `stop`, or when the time is up.
  /// A CANCELLED that comes of the latter becomes DEADLINE_EXCEEDED, with the limit in its text.
  template <typename Run>
  auto apply(const std::stop_token& stop, Run run) -> std::invoke_result_t<Run&, std::stop_token> {
    if (limit_.count() == 0) {
      return run(stop);
    }
    std::stop_source limited = begin();
    const std::stop_callback forward(stop, [&limited] { limited.request_stop(); });
    auto outcome = run(limited.get_token());
    if (end()) {
      explain(outcome);
    }
    return outcome;
  }

 private:
  std::stop_source begin();
  bool end();  // whether the time was up
  void explain(grpc::Status& status) const;
  template <typename Value>
  void explain(Result<Value>& result) const {
    if (!result) {
      grpc::Status status = result.error();
      explain(status);
      result = status;
    }
  }
  void watch_locked();
  void check();

  const std::chrono::milliseconds limit_;

  std::mutex mutex_;  // guards what follows
  std::optional<std::stop_source> running_;
  Clock::time_point deadline_;
  bool passed_ = false;
  LazyTimer timer_;
};

}  // namespace compiler_gym::internal
