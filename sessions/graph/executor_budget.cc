#include "sessions/graph/executor_budget.h"

#include <utility>

namespace compiler_gym::graph {

// As measured with LLVM's: of programs of 8 and 100 KB, and of 3 MB.
std::uint64_t ExecutorBudget::bytes_on(const Benchmark& benchmark) {
  constexpr std::uint64_t kAny = std::uint64_t{2} << 20;
  constexpr std::uint64_t kForEachByte = 32;
  return kAny + kForEachByte * benchmark.program().contents().size();
}

void ExecutorBudget::note_use(const std::shared_ptr<ExecutorSeat>& seat, std::uint64_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto [known, added] = entries_.try_emplace(seat.get(), by_last_use_.end());
  if (added) {
    const Entry entry{.seat = seat, .key = seat.get(), .bytes = bytes};
    known->second = by_last_use_.insert(by_last_use_.end(), entry);
    bytes_ += bytes;
  } else {
    by_last_use_.splice(by_last_use_.end(), by_last_use_, known->second);
  }
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
    const std::shared_ptr<ExecutorSeat> seat = entry->seat.lock();
    if (seat != nullptr && !seat->try_take()) {
      ++entry;
      continue;
    }
    entry = erase_locked(entry);
    if (seat == nullptr) {
      continue;
    }
    const SeatLease lease(seat);
    if (std::exchange(seat->at, {}) && seat->executor != nullptr) {
      return std::move(seat->executor);
    }
  }
  return nullptr;
}

ExecutorBudget::Entries::iterator ExecutorBudget::erase_locked(Entries::iterator entry) {
  bytes_ -= entry->bytes;
  entries_.erase(entry->key);
  return by_last_use_.erase(entry);
}

}  // namespace compiler_gym::graph
