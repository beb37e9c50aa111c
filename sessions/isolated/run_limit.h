// How many sandbox processes are at work at one time.
#pragma once

#include <boost/asio/any_io_executor.hpp>
#include <boost/asio/async_result.hpp>
#include <chrono>
#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <utility>
#include <vector>

#include "core/lazy_timer.h"
#include "core/support/clock.h"
#include "core/support/status.h"
#include "core/support/unique_resource.h"
#include "core/unique_handler.h"
#include "sessions/isolated/run_queue.h"

namespace compiler_gym::isolated {

/// Lets a few requests run in sandbox processes, and the rest wait, as RunQueue says. Many more
/// processes at work than there are processors get nothing done sooner: they drive each other out of
/// the caches, and the event loop, which all requests need, waits for its turn among them.
/// Threads:  every member may be called from any thread.
/// Lifetime: shared by its permits. Nothing may be waiting when its last owner releases it.
class RunLimit : public std::enable_shared_from_this<RunLimit> {
 public:
  struct Grant {
    std::shared_ptr<RunLimit> limit{};
    RunQueue::Number number = 0;
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
  void acquire(const RunTicket& ticket, const std::stop_source& stop, Handler handler);

  /// A permit if there is room, an empty one if not.
  [[nodiscard]] Permit try_acquire(const RunTicket& ticket);

  /// acquire(), with a completion token. Signature: void(Result<Permit>).
  template <boost::asio::completion_token_for<void(Result<Permit>)> Token>
  auto async_acquire(const RunTicket& ticket, std::stop_source stop, Token&& token) {
    return boost::asio::async_initiate<Token, void(Result<Permit>)>(
        [this, ticket](auto handler,
                       std::stop_source its_stop) {  // by value: the coroutine may be gone first
          acquire(ticket, its_stop, Handler(std::move(handler)));
        },
        token, std::move(stop));
  }

  /// Releases the executor, for good. Nothing may be waiting or running.
  void close();

 private:
  struct OnStop {
    std::weak_ptr<RunLimit> limit;
    RunQueue::Number waiter;
    void operator()() const;
  };
  struct Waiter {
    RunTicket ticket;
    Handler handler;
    std::unique_ptr<std::stop_callback<OnStop>> on_stop{};
  };
  using Granted = std::vector<std::pair<Permit, Waiter>>;

  void release(RunQueue::Number number);
  void leave(RunQueue::Number waiter);
  [[nodiscard]] Granted take_locked(const std::vector<RunQueue::Number>& numbers);
  void run(Granted granted);
  void watch_the_time_locked();
  void on_time();

  const boost::asio::any_io_executor executor_;

  // Guards what follows; never held while a handler or a stop callback is run or destroyed.
  std::mutex mutex_;
  RunQueue queue_;
  std::map<RunQueue::Number, Waiter> waiting_;
  LazyTimer timer_;
};

}  // namespace compiler_gym::isolated
