// An executor that a session has, and that its forks may fork.
#pragma once

#include <boost/asio/async_result.hpp>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "context/state_graph.h"
#include "core/unique_handler.h"
#include "core/worker_pool.h"
#include "sessions/session_executor.h"

namespace compiler_gym::graph {

/// A fork is a copy of a node, and starts an executor only when it needs one. To fork its parent's then
/// costs less than to do again all that led there, if that executor still stands there or above.
///
/// Threads:  any; who has taken the seat touches the rest.
/// Lifetime: shared by the session and by who is forking its executor; others point to it weakly.
class ExecutorSeat {
 public:
  explicit ExecutorSeat(WorkerPool& workers) : workers_(workers) {}

  [[nodiscard]] bool try_take();
  /// Completes when it has been taken; for the session whose it is, of which one request at a time waits.
  /// Signature: void().
  template <boost::asio::completion_token_for<void()> Token>
  auto async_take(Token&& token) {
    return boost::asio::async_initiate<Token, void()>(
        [this](auto handler) { take(UniqueHandler<void()>(std::move(handler))); }, token);
  }
  void give_back();

  std::unique_ptr<SessionExecutor> executor{};  ///< none: not started
  /// Where it stands, and with which settings. Null: out of the graph.
  StateGraph::State at{};
  std::vector<std::pair<std::string, std::string>> settings{};

 private:
  void take(UniqueHandler<void()> handler);

  WorkerPool& workers_;
  std::mutex mutex_;  // guards what follows
  bool taken_ = false;
  UniqueHandler<void()> waiting_;
};

/// A seat that has been taken, until it is destroyed.
class SeatLease {
 public:
  explicit SeatLease(std::shared_ptr<ExecutorSeat> taken) : seat_(std::move(taken)) {}
  SeatLease(SeatLease&& other) noexcept = default;
  SeatLease& operator=(SeatLease&&) = delete;
  ~SeatLease() {
    if (seat_ != nullptr) {
      seat_->give_back();
    }
  }

 private:
  std::shared_ptr<ExecutorSeat> seat_;
};

}  // namespace compiler_gym::graph
