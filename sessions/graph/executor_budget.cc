#include "sessions/graph/executor_budget.h"

#include <iterator>
#include <utility>

namespace compiler_gym::graph {

// With LLVM's, sessions on programs of 22 KB were seen to take 2 to 4 MB each.
std::uint64_t ExecutorBudget::bytes_on(const Benchmark& benchmark) {
  constexpr std::uint64_t kAny = std::uint64_t{2} << 20;
  constexpr std::uint64_t kForEachByte = 32;
  return kAny + kForEachByte * benchmark.program().contents().size();
}

void ExecutorBudget::note_use(const std::shared_ptr<ExecutorSeat>& seat, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  if (const auto known = entries_.find(seat.get()); known != entries_.end()) {
    const Entries::iterator entry = known->second;
    by_last_use_.splice(by_last_use_.end(), list_of_locked(*entry), entry);
    entry->stays = false;
    return;
  }
  Entries added{Entry{seat, bytes}};
  entries_.emplace(seat.get(), added.begin());
  by_last_use_.splice(by_last_use_.end(), added);
  bytes_ += bytes;
}

void ExecutorBudget::forget(const ExecutorSeat& seat) {
  const std::lock_guard lock(mutex_);
  if (const auto entry = entries_.find(&seat); entry != entries_.end()) {
    erase_locked(entry->second);
  }
}

std::unique_ptr<SessionExecutor> ExecutorBudget::take_one() {
  const std::lock_guard lock(mutex_);
  for (auto entry = by_last_use_.begin(); bytes_ > max_bytes_ && entry != by_last_use_.end();) {
    const Entries::iterator next = std::next(entry);
    const std::shared_ptr<ExecutorSeat> seat = entry->seat;
    if (seat->try_take()) {
      const SeatLease lease(seat);
      if (seat->executor == nullptr) {
        erase_locked(entry);
      } else if (!seat->at) {
        entry->stays = true;
        staying_.splice(staying_.end(), by_last_use_, entry);
      } else {
        erase_locked(entry);
        seat->at = StateGraph::State();
        return std::move(seat->executor);
      }
    }
    entry = next;
  }
  return nullptr;
}

ExecutorBudget::Entries& ExecutorBudget::list_of_locked(const Entry& entry) {
  return entry.stays ? staying_ : by_last_use_;
}

void ExecutorBudget::erase_locked(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  entries_.erase(entry->seat.get());
  list_of_locked(*entry).erase(entry);
}

}  // namespace compiler_gym::graph
