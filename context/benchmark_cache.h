// The benchmarks a service holds, by URI.
#pragma once

#include <cstddef>
#include <list>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proto/compiler_gym_service.pb.h"

namespace compiler_gym {

/// Whether they are equal in all they say. May say no of equal ones whose maps of variables have
/// different orders: then they are taken for two.
[[nodiscard]] bool same_content(const Benchmark& one, const Benchmark& other);

/// A cache bounded in bytes, with the rules clients were written against: adding a benchmark
/// replaces one of its URI; when it does not fit, the least recently used ones go until half of the
/// bound is free again, and then it is stored whatever its size, so that a benchmark that was just
/// added is always there.
/// Threads:  every member may be called from any thread. Evicted benchmarks are destroyed outside
///           the lock.
/// Lifetime: what get() hands out lives as long as anyone holds it, eviction notwithstanding.
/// Units:    sizes are bytes of the serialised Benchmark messages.
/// Source:   CompilerGym 0.2.5's BenchmarkCache, which evicts at random and hands out pointers
///           valid until the next add.
class BenchmarkCache {
 public:
  static constexpr std::size_t kDefaultMaxSizeInBytes = 268'435'456;

  explicit BenchmarkCache(std::size_t max_size_in_bytes = kDefaultMaxSizeInBytes);

  /// Returns what was stored, which may be evicted from the cache by the time the caller looks at
  /// it. If an equal benchmark is there, that is kept and returned: whoever knows it by its address
  /// knows this one.
  std::shared_ptr<const Benchmark> add(Benchmark&& benchmark);

  /// Null if there is no benchmark of that URI. Counts as a use.
  [[nodiscard]] std::shared_ptr<const Benchmark> get(std::string_view uri);

  /// The operator's bound. Evicts at once until the size is within it.
  void set_max_size_in_bytes(std::size_t max_size_in_bytes);
  /// The same for a client, who may choose any bound up to the operator's, also after having chosen a
  /// lower one. Beyond it nothing changes, and false is returned.
  [[nodiscard]] bool choose_max_size_in_bytes(std::size_t max_size_in_bytes);
  /// What the operator said last.
  [[nodiscard]] std::size_t operators_max_size_in_bytes() const;
  /// What holds.
  [[nodiscard]] std::size_t max_size_in_bytes() const;
  [[nodiscard]] std::size_t size_in_bytes() const;
  /// How many benchmarks.
  [[nodiscard]] std::size_t size() const;

 private:
  struct Entry {
    std::shared_ptr<const Benchmark> benchmark;
    std::size_t size_in_bytes;
  };
  using Entries = std::list<Entry>;  // most recently used first
  using Evicted = std::vector<std::shared_ptr<const Benchmark>>;

  void remove_locked(Entries::iterator entry, Evicted& evicted);
  void evict_locked(std::size_t target_size_in_bytes, Evicted& evicted);

  mutable std::mutex mutex_;
  std::size_t max_size_in_bytes_;
  std::size_t operators_max_size_in_bytes_;  // max_size_in_bytes_ is never more
  std::size_t size_in_bytes_ = 0;
  Entries entries_;
  std::unordered_map<std::string_view, Entries::iterator> by_uri_;  // keys lie in the entries
};

}  // namespace compiler_gym
