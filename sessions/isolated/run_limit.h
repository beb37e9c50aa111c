// How many sandbox processes are at work at one time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/lazy_timer.h"
#include "core/support/clock.h"
#include "core/support/status.h"
#include "core/support/unique_resource.h"
#include "core/unique_handler.h"

namespace compiler_gym::isolated {

/// Lets a few requests run in sandbox processes, and the rest wait, first come, first served. Many
/// more processes at work than there are processors get nothing done sooner: they drive each other
/// out of the caches, and the event loop, which all requests need, waits for its turn among them.
///
/// Patience: a request that has run for longer than that, or hangs, does not count any more while
///           others wait. The more there are of those, the longer the patience, else requests that
///           all take long would soon all run.
/// Threads:  every member may be called from any thread.
/// Lifetime: shared by its permits. Nothing may be waiting when its last owner releases it.
class RunLimit : public std::enable_shared_from_this<RunLimit> {
 public:
  struct Grant {
    std::shared_ptr<RunLimit> limit{};
    std::uint64_t number = 0;
    explicit operator bool() const { return limit != nullptr; }
    void give_back() noexcept { limit->release(number); }
  };
  /// Held while a request runs.
  using Permit = UniqueResource<Grant>;
  using Handler = UniqueHandler<void(Result<Permit>)>;

  RunLimit(boost::asio::any_io_executor executor, std::size_t limit,
           std::chrono::milliseconds patience);

  /// Calls the handler inside the call if there is room, else on the executor or inside the call
  /// that made room; with CANCELLED if `stop` is triggered before there is.
  void acquire(const std::stop_source& stop, Handler handler);

  /// Releases the executor, for good. Nothing may be waiting or running.
  void close();

 private:
  struct OnStop {
    std::weak_ptr<RunLimit> limit;
    std::uint64_t waiter;
    void operator()() const;
  };
  struct Waiter {
    Handler handler;
    std::unique_ptr<std::stop_callback<OnStop>> on_stop{};
  };
  struct Running {
    std::uint64_t number;
    Clock::time_point since;
  };
  using Granted = std::vector<std::pair<std::uint64_t, Waiter>>;

  void release(std::uint64_t number);
  void leave(std::uint64_t waiter);
  [[nodiscard]] Granted grant_locked();
  void run(Granted granted);
  void watch_the_time_locked();
  void on_time();
  [[nodiscard]] Clock::time_point impatient_at_locked() const;

  const boost::asio::any_io_executor executor_;
  const std::size_t limit_;
  const Clock::duration patience_;

  std::mutex
      mutex_;  // guards what follows; never held while a handler or a stop callback is run or destroyed
  std::uint64_t last_number_ = 0;
  std::vector<Running> running_;             // that count, those that began first in front
  std::vector<std::uint64_t> overdue_;       // that run as well, but do not count any more
  std::map<std::uint64_t, Waiter> waiting_;  // those that came first in front
  LazyTimer timer_;
};

}  // namespace compiler_gym::isolated
