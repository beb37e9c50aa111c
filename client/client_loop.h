// An event loop of its own for a program or a test that is a client and has none.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <boost/asio/co_spawn.hpp>
#include <boost/asio/io_context.hpp>
#include <boost/asio/strand.hpp>
#include <boost/asio/use_future.hpp>
#include <thread>
#include <utility>
#include <vector>

#include "core/completion_queue_pump.h"

namespace compiler_gym {

/// An io_context, a pump with a client's completion queue, and two threads: one for the pump, one
/// for everything else.
///
///     ClientLoop loop;
///     ServiceClient client(loop.pump(), "localhost:4242");
///     Result<GetVersionReply> version = loop.run(client.get_version());
///
/// Threads:  every member may be called from any thread, run() and the destructor from none of the
///           loop's own.
/// Lifetime: the destructor waits for what is under way; calls must have been started before it, and
///           should have a timeout.
class ClientLoop {
 public:
  ClientLoop();
  ClientLoop(const ClientLoop&) = delete;
  ClientLoop& operator=(const ClientLoop&) = delete;
  ~ClientLoop();

  [[nodiscard]] boost::asio::io_context& io_context() noexcept { return io_context_; }
  [[nodiscard]] CompletionQueuePump& pump() noexcept { return pump_; }

  /// Runs the coroutine on a strand of its own and returns what it returns, or throws what it
  /// throws. Coroutines that it spawns on its executor never overlap with it or with each other.
  template <typename T>
  T run(boost::asio::awaitable<T> coroutine) {
    return boost::asio::co_spawn(boost::asio::make_strand(io_context_), std::move(coroutine),
                                 boost::asio::use_future)
        .get();
  }

 private:
  boost::asio::io_context io_context_;
  CompletionQueuePump pump_;
  std::vector<std::jthread> threads_;  // last: they use what is above
};

}  // namespace compiler_gym
