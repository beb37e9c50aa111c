// Clients take turns where they share the threads that start sessions.
#pragma once

#include <boost/asio/execution/blocking.hpp>
#include <boost/asio/post.hpp>
#include <functional>
#include <mutex>
#include <string>
#include <utility>

#include "core/calling_thread_executor.h"
#include "core/support/fair_queue.h"
#include "core/support/logger.h"
#include "core/unique_handler.h"
#include "core/worker_pool.h"
#include "sessions/client_id.h"

namespace compiler_gym::internal {

/// Of a client that gRPC calls `peer`: one for each TCP connection; over unix sockets, whose ends have
/// no names, all are one.
[[nodiscard]] inline ClientId client_of(const std::string& peer) {
  return ClientId{std::hash<std::string>()(peer)};
}

/// Of a client that sends its requests on a stream: as of its other calls, but over unix sockets each
/// stream that is open, told by its address, is one.
[[nodiscard]] inline ClientId client_of_stream(const std::string& peer, const void* stream) {
  return peer.starts_with("unix:") ? ClientId{std::hash<const void*>()(stream)} : client_of(peer);
}

/// Hands a pool what clients want to be done there, in turns (see FairQueue) instead of in the order
/// in which it came: a client that starts a hundred sessions at once does not hold up the one of
/// another.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive what is posted through it. The pool must outlive it.
class ClientTurns {
 public:
  ClientTurns(WorkerPool& pool, Logger& logger) : pool_(pool), here_(logger, "a client's turn") {}
  ClientTurns(const ClientTurns&) = delete;
  ClientTurns& operator=(const ClientTurns&) = delete;

  /// An Asio executor: what is posted to it runs when it is the client's turn.
  class Executor {
   public:
    Executor(ClientTurns& turns, ClientId client) noexcept : turns_(&turns), client_(client) {}

    template <typename Function>
    void execute(Function&& function) const {
      turns_->add(client_, Task(std::forward<Function>(function), turns_->here_));
    }
    static constexpr boost::asio::execution::blocking_t query(
        boost::asio::execution::blocking_t /*property*/) noexcept {
      return boost::asio::execution::blocking.never;
    }
    friend bool operator==(const Executor& a, const Executor& b) noexcept {
      return a.turns_ == b.turns_ && a.client_ == b.client_;
    }
    friend bool operator!=(const Executor& a, const Executor& b) noexcept { return !(a == b); }

   private:
    ClientTurns* turns_;
    ClientId client_;
  };
  [[nodiscard]] Executor executor(ClientId client) noexcept { return {*this, client}; }

 private:
  using Task = UniqueHandler<void()>;

  // For each task the pool is asked once: whose turn it is then is decided there.
  void add(ClientId client, Task task) {
    {
      const std::lock_guard lock(mutex_);
      tasks_.push(client, std::move(task));
    }
    boost::asio::post(pool_.executor(), [this] { run_next(); });
  }
  void run_next() {
    Task task;
    {
      const std::lock_guard lock(mutex_);
      task = tasks_.pop();
    }
    task();
  }

  WorkerPool& pool_;
  const CallingThreadExecutor here_;
  std::mutex mutex_;  // guards what follows
  FairQueue<ClientId, Task> tasks_;
};

}  // namespace compiler_gym::internal
