// Whose turn it is in one session.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <deque>
#include <memory>
#include <stop_token>
#include <vector>

#include "sessions/session_turn.h"

namespace compiler_gym {

namespace internal {

/// One request waiting for, or having, its turn in a session. Its outcome comes of run(), or instead of
/// it, and is handed to complete(). The two are apart so that the session is free again before the
/// client hears of it.
class SessionTask {
 public:
  explicit SessionTask(std::stop_source stop) : stop_(std::move(stop)) {}
  SessionTask(const SessionTask&) = delete;
  SessionTask& operator=(const SessionTask&) = delete;
  virtual ~SessionTask() = default;

  /// Does the work while no other task of the session runs. Returns without waiting for it, and has
  /// the turn finished by a thread of the service's; inside this call only if that was not itself
  /// made by the end of a turn, so that tasks which wait for each other don't pile up on a stack.
  /// What it throws, while it has the turn, is the outcome.
  virtual void run(Session& session, SessionTurn& turn) = 0;
  /// Hands the outcome to whoever asked, once. May destroy anything but this task.
  virtual void complete(grpc::Status outcome) = 0;

  /// Admitted also where the bound on waiting tasks is reached: such a task makes room.
  [[nodiscard]] virtual bool ends_session() const { return false; }

  [[nodiscard]] std::stop_source& stop() { return stop_; }

 private:
  std::stop_source stop_;
};

/// Decides the order of one session's tasks: first come, first served, one at a time, and no more
/// waiting than the bound. No threads, no locks, no I/O: Session performs what it decides.
class TaskQueue {
 public:
  explicit TaskQueue(std::size_t max_waiting) : max_waiting_(max_waiting) {}

  enum class Admission {
    kRun,     ///< the session is idle: the caller runs the task now, and calls finish() after
    kWait,    ///< the queue keeps it: it comes out of a later finish()
    kFull,    ///< the bound is reached: the caller keeps it
    kClosed,  ///< no more tasks are taken: the caller keeps it
    kEnded,   ///< the session has ended: the caller keeps it
  };
  /// Takes the task if the answer is kWait. When full, waiting tasks whose client has left are
  /// moved into `abandoned` first to make room.
  Admission submit(std::unique_ptr<SessionTask>& task,
                   std::vector<std::unique_ptr<SessionTask>>& abandoned);

  /// The running task is done. Returns the next one to run; null if the session is idle from here
  /// on.
  std::unique_ptr<SessionTask> finish();

  /// No more tasks are admitted. Returns those waiting.
  std::vector<std::unique_ptr<SessionTask>> close();

  /// The same, since the session has ended.
  std::vector<std::unique_ptr<SessionTask>> end();

  [[nodiscard]] bool running() const { return running_; }
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] std::size_t waiting() const { return waiting_.size(); }
  [[nodiscard]] std::size_t max_waiting() const { return max_waiting_; }

 private:
  const std::size_t max_waiting_;
  std::deque<std::unique_ptr<SessionTask>> waiting_;
  bool running_ = false;
  bool closed_ = false;
  bool ended_ = false;
};

}  // namespace internal
}  // namespace compiler_gym
