// A task's turn in its session.
#pragma once

#include <grpcpp/support/status.h>

#include <memory>
#include <utility>

namespace compiler_gym {

class Session;
namespace internal {
class SessionTask;
}

/// Held while a task of the session runs: the next one's turn is when this one's outcome is given, or
/// when it is destroyed without, by an exception say, which is INTERNAL to the task's client.
/// Move-only, and no more than two pointers, so that it can travel with whatever does the work.
/// Threads: one at a time.
class SessionTurn {
 public:
  SessionTurn(std::shared_ptr<Session> session, std::unique_ptr<internal::SessionTask> task);
  SessionTurn(SessionTurn&& other) noexcept;
  SessionTurn& operator=(SessionTurn&&) = delete;
  ~SessionTurn();

  /// Ends the turn, and completes the task. Once. Nothing that they throw leaves.
  void finish(grpc::Status outcome) noexcept;

 private:
  std::shared_ptr<Session> session_;
  std::unique_ptr<internal::SessionTask> task_;
};

}  // namespace compiler_gym
