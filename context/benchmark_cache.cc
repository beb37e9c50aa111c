#include "context/benchmark_cache.h"

#include <iterator>
#include <utility>

namespace compiler_gym {

BenchmarkCache::BenchmarkCache(std::size_t max_size_in_bytes)
    : max_size_in_bytes_(max_size_in_bytes), operators_max_size_in_bytes_(max_size_in_bytes) {}

bool same_content(const Benchmark& one, const Benchmark& other) {
  return one.program().contents() == other.program().contents() &&
         one.SerializeAsString() == other.SerializeAsString();
}

std::shared_ptr<const Benchmark> BenchmarkCache::add(Benchmark&& benchmark) {
  const std::size_t added_size = benchmark.ByteSizeLong();
  // Some clients send the program with every session; what is known of it is kept by object.
  if (std::shared_ptr<const Benchmark> present = get(benchmark.uri());
      present != nullptr && same_content(*present, benchmark)) {
    return present;
  }
  auto added = std::make_shared<const Benchmark>(std::move(benchmark));

  Evicted evicted;  // before the lock, so that it is destroyed after
  const std::lock_guard lock(mutex_);
  if (const auto same_uri = by_uri_.find(added->uri()); same_uri != by_uri_.end()) {
    remove_locked(same_uri->second, evicted);
  }
  if (size_in_bytes_ + added_size > max_size_in_bytes_) {
    // To half rather than just enough: evicting is rare then, instead of once for every addition to
    // a full cache.
    evict_locked(max_size_in_bytes_ / 2, evicted);
  }
  entries_.push_front({added, added_size});
  by_uri_.emplace(added->uri(), entries_.begin());
  size_in_bytes_ += added_size;
  return added;
}

std::shared_ptr<const Benchmark> BenchmarkCache::get(std::string_view uri) {
  const std::lock_guard lock(mutex_);
  const auto found = by_uri_.find(uri);
  if (found == by_uri_.end()) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->benchmark;
}

void BenchmarkCache::set_max_size_in_bytes(std::size_t max_size_in_bytes) {
  Evicted evicted;
  const std::lock_guard lock(mutex_);
  operators_max_size_in_bytes_ = max_size_in_bytes;
  max_size_in_bytes_ = max_size_in_bytes;
  evict_locked(max_size_in_bytes, evicted);
}

bool BenchmarkCache::choose_max_size_in_bytes(std::size_t max_size_in_bytes) {
  Evicted evicted;
  const std::lock_guard lock(mutex_);
  if (max_size_in_bytes > operators_max_size_in_bytes_) {
    return false;
  }
  max_size_in_bytes_ = max_size_in_bytes;
  evict_locked(max_size_in_bytes, evicted);
  return true;
}

std::size_t BenchmarkCache::operators_max_size_in_bytes() const {
  const std::lock_guard lock(mutex_);
  return operators_max_size_in_bytes_;
}

std::size_t BenchmarkCache::max_size_in_bytes() const {
  const std::lock_guard lock(mutex_);
  return max_size_in_bytes_;
}

std::size_t BenchmarkCache::size_in_bytes() const {
  const std::lock_guard lock(mutex_);
  return size_in_bytes_;
}

std::size_t BenchmarkCache::size() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

void BenchmarkCache::remove_locked(Entries::iterator entry, Evicted& evicted) {
  by_uri_.erase(entry->benchmark->uri());
  size_in_bytes_ -= entry->size_in_bytes;
  evicted.push_back(std::move(entry->benchmark));
  entries_.erase(entry);
}

void BenchmarkCache::evict_locked(std::size_t target_size_in_bytes, Evicted& evicted) {
  while (size_in_bytes_ > target_size_in_bytes) {
    remove_locked(std::prev(entries_.end()), evicted);
  }
}

}  // namespace compiler_gym
