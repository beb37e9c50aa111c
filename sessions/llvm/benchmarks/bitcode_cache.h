// The benchmarks that sessions have been started on, ready for the next session.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <future>
#include <list>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "context/service_context_options.h"
#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/llvm/benchmarks/loaded_benchmark.h"

namespace compiler_gym {

/// Loads a benchmark once for all sessions on it, and holds what was used last.
///
/// Entries go by a hash of what they are made from: program and dynamic configuration. So equal
/// benchmarks share one whatever their URIs, and a benchmark that is replaced by another of its URI
/// is loaded anew. The bytes are hashed once per Benchmark object: a session on one seen before
/// finds its entry by the object itself, which the service keeps by URI. A program in a file is
/// looked at again when the file's size or time of change are not what they were.
///
/// Bound:    in bytes. The least recently used entries go first, but not those a session holds: to
///           drop them would free nothing. They can therefore take the cache over its bound, until
///           the next load after they are let go of.
/// Loading:  by one caller, outside of the lock; who wants the same waits for it, in a BlockingRegion,
///           others don't.
/// Threads:  every member may be called from any thread.
/// Errors:   those of the loader, given to all who wait; the next caller tries again.
class BitcodeCache {
 public:
  /// Makes an entry of a benchmark, whose program the bytes are.
  using Loader = std::function<Result<std::shared_ptr<const LoadedBenchmark>>(
      const Benchmark& benchmark, std::string_view program)>;

  struct Figures {
    std::size_t entries = 0;
    std::size_t size_in_bytes = 0;      ///< of the entries' bitcode and configuration
    std::size_t max_size_in_bytes = 0;  ///< as given
    std::uint64_t hits = 0;             ///< found, or loaded by another caller at the same time
    std::uint64_t loads = 0;            ///< calls of the loader
    std::uint64_t hashed = 0;           ///< benchmarks that had to be read through to know them
    std::uint64_t evictions = 0;
  };

  /// The options' roots are for programs in files.
  explicit BitcodeCache(Loader loader, ServiceContextOptions options = {});
  BitcodeCache(const BitcodeCache&) = delete;
  BitcodeCache& operator=(const BitcodeCache&) = delete;
  ~BitcodeCache();

  /// Errors, besides the loader's: those of path_from_file_uri() and read_program_file(), and
  /// INVALID_ARGUMENT `No program set in Benchmark: ...`.
  [[nodiscard]] Result<std::shared_ptr<const LoadedBenchmark>> get(
      const std::shared_ptr<const Benchmark>& benchmark);

  [[nodiscard]] Figures figures() const;

  /// What tells a file's content from what it was, but for the content.
  struct FileStamp {
    std::uint64_t device, inode, size;
    std::int64_t seconds, nanoseconds;
    bool operator==(const FileStamp&) const = default;
  };
  /// None if the program is in the message.
  [[nodiscard]] static std::optional<FileStamp> stamp_of(const Benchmark& benchmark);

 private:
  using Loaded = Result<std::shared_ptr<const LoadedBenchmark>>;
  using Key = std::array<std::uint8_t, 32>;

  struct Entry {
    Key key;
    std::shared_ptr<const LoadedBenchmark> loaded;
    std::size_t size_in_bytes;
  };
  using Entries = std::list<Entry>;  // most recently used first

  /// A Benchmark object seen before. Its address could be another's by now; `object` can't.
  struct Alias {
    std::weak_ptr<const Benchmark> object;
    std::optional<FileStamp> stamp;
    Key key;
  };

  std::shared_ptr<const LoadedBenchmark> find_alias_locked(
      const std::shared_ptr<const Benchmark>& benchmark, const std::optional<FileStamp>& stamp);
  void add_alias_locked(const std::shared_ptr<const Benchmark>& benchmark,
                        const std::optional<FileStamp>& stamp, const Key& key);
  std::shared_ptr<const LoadedBenchmark> find_locked(const Key& key);
  Loaded get_by_content(const Benchmark& benchmark, std::string_view program, const Key& key);
  void store_locked(const Key& key, const std::shared_ptr<const LoadedBenchmark>& loaded);
  std::vector<std::shared_ptr<const LoadedBenchmark>> evict_locked();

  const Loader loader_;
  const ServiceContextOptions options_;

  mutable std::mutex mutex_;  // guards what follows
  Entries entries_;
  std::map<Key, Entries::iterator> by_key_;
  std::unordered_map<const Benchmark*, Alias> aliases_;
  std::size_t aliases_to_prune_at_ = 64;
  std::map<Key, std::shared_future<Loaded>> loading_;
  Figures figures_;
};

}  // namespace compiler_gym
