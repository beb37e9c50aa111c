// Modules parsed before anybody asks for them.
#pragma once

#include <sys/types.h>
#include <unistd.h>

#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <list>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <thread>
#include <unordered_map>
#include <vector>

#include "core/support/status.h"
#include "sessions/llvm/ir/ir_module.h"

namespace compiler_gym {

class LoadedBenchmark;

struct SpareModulesOptions {
  /// Kept ready for one benchmark. 0: none for any.
  std::size_t max_per_benchmark = 8;
  /// Of all spares, as SpareModules estimates it.
  std::size_t max_size_in_bytes = 128 << 20;
};

/// Gives sessions the module they start from, and has one ready for those on a hot benchmark: to
/// take it is a matter of microseconds, to parse bitcode of 100 KB one of milliseconds.
///
/// Hot:      a benchmark that was asked for before, not too many others ago. Each time there is no
///           spare of it one more is kept from then on, so there come to be as many as are asked
///           for at about the same time; a benchmark that is used once costs nothing.
/// Bound:    per benchmark and in bytes. For a new spare, those of the benchmarks that were asked
///           for least recently go; these are no longer hot.
/// Equality: a spare is what parsing gives, in a context of its own, and is handed out once: no
///           result depends on whether there was one.
/// Threads:  every member may be called from any thread. Spares are made by a thread of their own,
///           which starts when the first one is wanted: never in a process that was forked from the one
///           which made this object, as a sandbox is, and which may be forked in turn: fork(2) would not
///           take the thread along.
/// Lifetime: the destructor waits for the spare that is being made.
class SpareModules {
 public:
  struct Figures {
    std::size_t entries = 0;            ///< spares that are ready
    std::size_t size_in_bytes = 0;      ///< of these, estimated
    std::size_t max_size_in_bytes = 0;  ///< as given
    std::uint64_t hits = 0;             ///< spares handed out
    std::uint64_t misses = 0;           ///< modules that were parsed while somebody waited
    std::uint64_t dropped = 0;          ///< spares that nobody came for
  };

  explicit SpareModules(SpareModulesOptions options = {});
  SpareModules(const SpareModules&) = delete;
  SpareModules& operator=(const SpareModules&) = delete;
  ~SpareModules();

  /// The benchmark's module, as LoadedBenchmark::make_module() gives it. Errors: those of that.
  [[nodiscard]] Result<IrModule> take(const std::shared_ptr<const LoadedBenchmark>& benchmark);

  [[nodiscard]] Figures figures() const;

 private:
  /// The spares of one benchmark.
  struct Shelf {
    std::weak_ptr<const LoadedBenchmark> benchmark;
    const LoadedBenchmark* key = nullptr;  // its address, which could be another's by now
    std::size_t size_of_one_in_bytes = 0;
    std::size_t wanted = 0;
    std::vector<IrModule> spares;
  };
  using Shelves = std::list<Shelf>;  // most recently asked for first
  using Dropped = std::vector<std::vector<IrModule>>;

  std::optional<IrModule> take_locked(const std::shared_ptr<const LoadedBenchmark>& benchmark,
                                      Dropped& dropped);
  void open_shelf_locked(const std::shared_ptr<const LoadedBenchmark>& benchmark, Dropped& dropped);
  void close_shelf_locked(Shelves::iterator shelf, Dropped& dropped);
  void clear_locked(Shelf& shelf, Dropped& dropped);
  void wake_maker_locked();

  void make_spares(const std::stop_token& stop);
  bool make_one();
  std::shared_ptr<const LoadedBenchmark> next_to_make_locked(Dropped& dropped);
  bool make_room_locked(const Shelf& shelf, Dropped& dropped);
  void store_locked(const std::shared_ptr<const LoadedBenchmark>& benchmark,
                    Result<IrModule>& module);

  const SpareModulesOptions options_;
  const pid_t process_ = getpid();

  // Guards what follows. Modules are made and destroyed outside of it.
  mutable std::mutex mutex_;
  Shelves shelves_;
  std::unordered_map<const LoadedBenchmark*, Shelves::iterator> by_key_;
  Figures figures_;
  bool work_to_do_ = false;
  std::condition_variable_any wake_maker_;
  std::jthread maker_;  // last: it ends before what it uses goes
};

}  // namespace compiler_gym
