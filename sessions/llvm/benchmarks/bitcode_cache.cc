#include "sessions/llvm/benchmarks/bitcode_cache.h"

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/io/zero_copy_stream_impl_lite.h>
#include <llvm/Support/BLAKE3.h>
#include <sys/stat.h>

#include <algorithm>
#include <utility>

#include "core/support/blocking_region.h"
#include "sessions/llvm/run/program_file.h"

namespace compiler_gym {
namespace {

// What an entry takes besides its bytes: nodes of the tables, and pages for the baselines.
constexpr std::size_t kEntryOverheadInBytes = 512 + 2 * 4096;

// Equal messages give equal bytes, which maps don't see to by themselves.
std::string serialise(const BenchmarkDynamicConfig& config) {
  std::string bytes;
  {
    google::protobuf::io::StringOutputStream stream(&bytes);
    google::protobuf::io::CodedOutputStream coded(&stream);
    coded.SetSerializationDeterministic(true);
    config.SerializeToCodedStream(&coded);
  }
  return bytes;
}

std::array<std::uint8_t, 32> hash(std::string_view program, const BenchmarkDynamicConfig& config) {
  const auto as_ref = [](std::string_view bytes) {
    return llvm::StringRef(bytes.data(), bytes.size());
  };
  llvm::BLAKE3 hasher;
  // The length says where the one ends and the other begins.
  hasher.update(as_ref(std::to_string(program.size()) + ":"));
  hasher.update(as_ref(program));
  hasher.update(as_ref(serialise(config)));
  return hasher.final();
}

}  // namespace

BitcodeCache::BitcodeCache(Loader loader, ServiceContextOptions options)
    : loader_(std::move(loader)), options_(std::move(options)) {}

BitcodeCache::~BitcodeCache() = default;

BitcodeCache::Loaded BitcodeCache::get(const std::shared_ptr<const Benchmark>& benchmark) {
  const std::optional<FileStamp> stamp = stamp_of(*benchmark);
  {
    const std::lock_guard lock(mutex_);
    if (auto found = find_alias_locked(benchmark, stamp); found != nullptr) {
      ++figures_.hits;
      return found;
    }
  }
  const File& program = benchmark->program();
  std::string from_file;
  if (program.data_case() == File::kUri) {
    const Result<std::string> path = path_from_file_uri(program.uri());
    if (!path) {
      return path.error();
    }
    Result<std::string> bytes = read_program_file(*path, options_.benchmark_roots);
    if (!bytes) {
      return bytes.error();
    }
    from_file = *std::move(bytes);
  } else if (program.data_case() != File::kContents) {
    return invalid_argument("No program set in Benchmark: \"" + benchmark->uri() + "\"");
  }
  const std::string_view bytes = program.data_case() == File::kUri ? from_file : program.contents();
  const Key key = hash(bytes, benchmark->dynamic_config());
  Loaded loaded = get_by_content(*benchmark, bytes, key);
  if (loaded) {
    const std::lock_guard lock(mutex_);
    add_alias_locked(benchmark, stamp, key);
  }
  return loaded;
}

BitcodeCache::Loaded BitcodeCache::get_by_content(const Benchmark& benchmark,
                                                  std::string_view program, const Key& key) {
  std::promise<Loaded> promise;
  std::shared_future<Loaded> loading;
  bool load = false;
  {
    const std::lock_guard lock(mutex_);
    ++figures_.hashed;
    if (auto found = find_locked(key); found != nullptr) {
      ++figures_.hits;
      return found;
    }
    const auto [entry, inserted] = loading_.try_emplace(key);
    if (inserted) {
      entry->second = promise.get_future().share();
      ++figures_.loads;
    } else {
      ++figures_.hits;
    }
    load = inserted;
    loading = entry->second;
  }
  if (!load) {
    const BlockingRegion waiting;
    return loading.get();
  }
  Loaded loaded = [&]() -> Loaded {
    try {
      return loader_(benchmark, program);
    } catch (...) {
      return status_from_current_exception();
    }
  }();
  std::vector<std::shared_ptr<const LoadedBenchmark>> evicted;  // destroyed outside of the lock
  {
    const std::lock_guard lock(mutex_);
    loading_.erase(key);
    if (loaded) {
      store_locked(key, *loaded);
      evicted = evict_locked();
    }
  }
  promise.set_value(loaded);
  return loaded;
}

std::shared_ptr<const LoadedBenchmark> BitcodeCache::find_locked(const Key& key) {
  const auto found = by_key_.find(key);
  if (found == by_key_.end()) {
    return nullptr;
  }
  entries_.splice(entries_.begin(), entries_, found->second);
  return found->second->loaded;
}

void BitcodeCache::store_locked(const Key& key,
                                const std::shared_ptr<const LoadedBenchmark>& loaded) {
  const std::size_t size = loaded->bitcode().size() + loaded->code_generation_metadata().size() +
                           loaded->dynamic_config().ByteSizeLong() + kEntryOverheadInBytes;
  entries_.push_front({key, loaded, size});
  by_key_.emplace(key, entries_.begin());
  figures_.size_in_bytes += size;
}

std::vector<std::shared_ptr<const LoadedBenchmark>> BitcodeCache::evict_locked() {
  std::vector<std::shared_ptr<const LoadedBenchmark>> evicted;
  auto entry = entries_.end();
  while (figures_.size_in_bytes > options_.max_benchmark_cache_bytes && entry != entries_.begin()) {
    --entry;
    // New references are only made under the lock, so a count of one stays one.
    if (entry->loaded.use_count() > 1) {
      continue;
    }
    figures_.size_in_bytes -= entry->size_in_bytes;
    ++figures_.evictions;
    by_key_.erase(entry->key);
    evicted.push_back(std::move(entry->loaded));
    entry = entries_.erase(entry);
  }
  return evicted;
}

std::shared_ptr<const LoadedBenchmark> BitcodeCache::find_alias_locked(
    const std::shared_ptr<const Benchmark>& benchmark, const std::optional<FileStamp>& stamp) {
  const auto found = aliases_.find(benchmark.get());
  if (found == aliases_.end() || found->second.object.lock() != benchmark ||
      found->second.stamp != stamp) {
    return nullptr;
  }
  return find_locked(found->second.key);
}

void BitcodeCache::add_alias_locked(const std::shared_ptr<const Benchmark>& benchmark,
                                    const std::optional<FileStamp>& stamp, const Key& key) {
  if (aliases_.size() >= aliases_to_prune_at_) {
    std::erase_if(aliases_, [](const auto& alias) { return alias.second.object.expired(); });
    aliases_to_prune_at_ = std::max<std::size_t>(64, 2 * aliases_.size());
  }
  aliases_.insert_or_assign(benchmark.get(), Alias{benchmark, stamp, key});
}

std::optional<BitcodeCache::FileStamp> BitcodeCache::stamp_of(const Benchmark& benchmark) {
  if (benchmark.program().data_case() != File::kUri) {
    return std::nullopt;
  }
  const Result<std::string> path = path_from_file_uri(benchmark.program().uri());
  struct stat status{};
  if (!path || stat(path->c_str(), &status) != 0) {
    return std::nullopt;
  }
  return FileStamp{status.st_dev, status.st_ino, static_cast<std::uint64_t>(status.st_size),
                   status.st_mtim.tv_sec, status.st_mtim.tv_nsec};
}

BitcodeCache::Figures BitcodeCache::figures() const {
  const std::lock_guard lock(mutex_);
  Figures figures = figures_;
  figures.entries = entries_.size();
  figures.max_size_in_bytes = options_.max_benchmark_cache_bytes;
  return figures;
}

}  // namespace compiler_gym
