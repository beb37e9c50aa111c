#include "sessions/llvm/benchmarks/spare_modules.h"

#include <algorithm>
#include <iterator>
#include <system_error>
#include <utility>

#include "sessions/llvm/benchmarks/loaded_benchmark.h"

namespace compiler_gym {
namespace {

// So many benchmarks are remembered, most of them because they were asked for once.
constexpr std::size_t kMaxShelves = 256;

}  // namespace

SpareModules::SpareModules(SpareModulesOptions options) : options_(options) {
  figures_.max_size_in_bytes = options_.max_size_in_bytes;
}

SpareModules::~SpareModules() = default;

Result<IrModule> SpareModules::take(const std::shared_ptr<const LoadedBenchmark>& benchmark) {
  std::optional<IrModule> spare;
  Dropped dropped;
  {
    const std::lock_guard lock(mutex_);
    spare = take_locked(benchmark, dropped);
  }
  if (spare.has_value()) {
    return *std::move(spare);
  }
  return benchmark->make_module();
}

SpareModules::Figures SpareModules::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

std::optional<IrModule> SpareModules::take_locked(
    const std::shared_ptr<const LoadedBenchmark>& benchmark, Dropped& dropped) {
  const auto found = by_key_.find(benchmark.get());
  if (found == by_key_.end() || found->second->benchmark.lock() != benchmark) {
    ++figures_.misses;
    open_shelf_locked(benchmark, dropped);
    return std::nullopt;
  }
  shelves_.splice(shelves_.begin(), shelves_, found->second);
  Shelf& shelf = shelves_.front();
  std::optional<IrModule> spare;
  if (shelf.spares.empty()) {
    ++figures_.misses;
    shelf.wanted = std::min(shelf.wanted + 1, options_.max_per_benchmark);
  } else {
    ++figures_.hits;
    spare = std::move(shelf.spares.back());
    shelf.spares.pop_back();
    --figures_.entries;
    figures_.size_in_bytes -= shelf.size_of_one_in_bytes;
  }
  if (shelf.wanted > shelf.spares.size() && getpid() == process_) {
    wake_maker_locked();
  }
  return spare;
}

void SpareModules::open_shelf_locked(const std::shared_ptr<const LoadedBenchmark>& benchmark,
                                     Dropped& dropped) {
  // A new benchmark is what makes old ones go, so now is the time to look for those.
  for (auto shelf = shelves_.begin(); shelf != shelves_.end();) {
    const auto next = std::next(shelf);
    if (shelf->benchmark.expired()) {
      close_shelf_locked(shelf, dropped);
    }
    shelf = next;
  }
  if (shelves_.size() >= kMaxShelves) {
    close_shelf_locked(std::prev(shelves_.end()), dropped);
  }
  Shelf& shelf = shelves_.emplace_front();
  shelf.benchmark = benchmark;
  shelf.key = benchmark.get();
  shelf.size_of_one_in_bytes = benchmark->module_size_in_bytes();
  by_key_.emplace(shelf.key, shelves_.begin());
}

void SpareModules::close_shelf_locked(Shelves::iterator shelf, Dropped& dropped) {
  clear_locked(*shelf, dropped);
  by_key_.erase(shelf->key);
  shelves_.erase(shelf);
}

void SpareModules::clear_locked(Shelf& shelf, Dropped& dropped) {
  shelf.wanted = 0;
  figures_.entries -= shelf.spares.size();
  figures_.dropped += shelf.spares.size();
  figures_.size_in_bytes -= shelf.spares.size() * shelf.size_of_one_in_bytes;
  dropped.push_back(std::exchange(shelf.spares, {}));
}

void SpareModules::wake_maker_locked() {
  work_to_do_ = true;
  if (!maker_.joinable()) {
    try {
      maker_ = std::jthread([this](const std::stop_token& stop) { make_spares(stop); });
    } catch (const std::system_error&) {
      return;  // no thread is to be had now: sessions do without spares until one is
    }
  }
  wake_maker_.notify_one();
}

void SpareModules::make_spares(const std::stop_token& stop) {
  while (!stop.stop_requested()) {
    if (!make_one()) {
      std::unique_lock lock(mutex_);
      wake_maker_.wait(lock, stop, [this] { return work_to_do_; });
    }
  }
}

bool SpareModules::make_one() {
  // What is let go of here is destroyed outside of the lock.
  std::shared_ptr<const LoadedBenchmark> benchmark;
  Dropped dropped;
  {
    const std::lock_guard lock(mutex_);
    benchmark = next_to_make_locked(dropped);
    work_to_do_ = benchmark != nullptr;
  }
  if (benchmark == nullptr) {
    return false;
  }
  dropped.clear();
  Result<IrModule> module = benchmark->make_module();
  const std::lock_guard lock(mutex_);
  store_locked(benchmark, module);
  return true;
}

// The benchmark to make the next spare of, with room made for it.
std::shared_ptr<const LoadedBenchmark> SpareModules::next_to_make_locked(Dropped& dropped) {
  for (Shelf& shelf : shelves_) {
    if (shelf.spares.size() >= shelf.wanted) {
      continue;
    }
    std::shared_ptr<const LoadedBenchmark> benchmark = shelf.benchmark.lock();
    if (benchmark != nullptr && make_room_locked(shelf, dropped)) {
      return benchmark;
    }
    shelf.wanted = shelf.spares.size();
  }
  return nullptr;
}

bool SpareModules::make_room_locked(const Shelf& shelf, Dropped& dropped) {
  const std::size_t size_of_shelf = (shelf.spares.size() + 1) * shelf.size_of_one_in_bytes;
  if (size_of_shelf > options_.max_size_in_bytes) {
    return false;
  }
  for (auto coldest = shelves_.rbegin();
       figures_.size_in_bytes + shelf.size_of_one_in_bytes > options_.max_size_in_bytes;
       ++coldest) {
    if (&*coldest == &shelf) {
      return false;  // the others were asked for after this one
    }
    if (!coldest->spares.empty()) {
      clear_locked(*coldest, dropped);
    }
  }
  return true;
}

void SpareModules::store_locked(const std::shared_ptr<const LoadedBenchmark>& benchmark,
                                Result<IrModule>& module) {
  const auto found = by_key_.find(benchmark.get());
  if (found == by_key_.end()) {
    return;  // others came, and it is forgotten
  }
  Shelf& shelf = *found->second;
  if (!module) {
    shelf.wanted = 0;  // sessions find out for themselves
    return;
  }
  if (shelf.spares.size() >= shelf.wanted) {
    ++figures_.dropped;
    return;
  }
  shelf.spares.push_back(*std::move(module));
  ++figures_.entries;
  figures_.size_in_bytes += shelf.size_of_one_in_bytes;
}

}  // namespace compiler_gym
