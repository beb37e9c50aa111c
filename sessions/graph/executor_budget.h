// How much the executors of sessions may take together, and whose goes first.
#pragma once

#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <unordered_map>

#include "proto/compiler_gym_service.pb.h"
#include "sessions/graph/executor_seat.h"
#include "sessions/session_executor.h"

namespace compiler_gym::graph {

/// A session in the graph can do without its executor: another one is brought to where it stands when it
/// needs one again. So of all that there are, those which have been used longest ago are given up when they
/// take too much together. That of a session which has left the graph stays, and counts.
///
/// Size:     an estimate, by the program: what an executor really holds is known to the kernel alone.
/// Threads:  any.
class ExecutorBudget {
 public:
  explicit ExecutorBudget(std::uint64_t max_bytes) : max_bytes_(max_bytes) {}

  /// What the process of a session on that benchmark holds, about. A program in a file counts as a small one.
  [[nodiscard]] static std::uint64_t bytes_on(const Benchmark& benchmark);

  /// The executor in this seat, which who calls has taken, is in use.
  void note_use(const std::shared_ptr<ExecutorSeat>& seat, std::uint64_t bytes);
  /// The seat is about to go; until then it is kept.
  void forget(const ExecutorSeat& seat);

  /// While they take too much: the one that has been used longest ago, out of its seat, for its end. None of a
  /// seat that is taken, or out of the graph. Null: there is enough room, or nothing to be done about it.
  [[nodiscard]] std::unique_ptr<SessionExecutor> take_one();

 private:
  struct Entry {
    std::shared_ptr<ExecutorSeat> seat;
    std::uint64_t bytes;
    bool stays = false;
  };
  using Entries = std::list<Entry>;

  [[nodiscard]] Entries& list_of_locked(const Entry& entry);
  void erase_locked(Entries::iterator entry);

  const std::uint64_t max_bytes_;
  std::mutex mutex_;  // guards what follows
  Entries by_last_use_;
  Entries staying_;  // whose sessions have left the graph
  std::unordered_map<const ExecutorSeat*, Entries::iterator> entries_;
  std::uint64_t bytes_ = 0;
};

}  // namespace compiler_gym::graph
