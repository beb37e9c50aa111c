#include "sessions/llvm/observations/cpu_info.h"

#include <llvm/Support/JSON.h>

#include <algorithm>
#include <array>
#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/fstream.hpp>
#include <charconv>
#include <map>
#include <optional>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "sessions/llvm/observations/json_event.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

std::string_view trimmed(std::string_view text) {
  constexpr std::string_view kSpace = " \t\r\n";
  const std::size_t begin = std::min(text.find_first_not_of(kSpace), text.size());
  return text.substr(begin, text.find_last_not_of(kSpace) + 1 - begin);
}

std::optional<std::int64_t> parse_number(std::string_view text) {
  std::int64_t number = 0;
  const auto [end, error] = std::from_chars(text.begin(), text.end(), number);
  if (error != std::errc() || end != text.end()) return std::nullopt;
  return number;
}

// Empty if there is no such file.
std::string first_line(const fs::path& path) {
  fs::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return std::string(trimmed(line));
}

// `cpu0`, `cpu1`, ..., `cpu10` of a directory, but not `cpufreq`; in the order of the numbers.
std::map<std::int64_t, fs::path> numbered_entries(const fs::path& directory,
                                                  std::string_view prefix) {
  std::map<std::int64_t, fs::path> entries;
  boost::system::error_code ignored;  // of no directory: no entries
  for (fs::directory_iterator entry(directory, ignored), end; entry != end;
       entry.increment(ignored)) {
    const std::string name = entry->path().filename().string();
    if (!name.starts_with(prefix)) continue;
    const auto number = parse_number(std::string_view(name).substr(prefix.size()));
    if (number) entries.emplace(*number, entry->path());
  }
  return entries;
}

// A processor's view of the caches it has a share in: /sys/devices/system/cpu/cpu<n>/cache/index<i>.
class CacheCounter {
 public:
  explicit CacheCounter(CpuInfo& cpu_info) : cpu_info_(cpu_info) {}

  void add(const fs::path& index) {
    const std::string level = first_line(index / "level");
    const std::string type = first_line(index / "type");
    // All its processors list a cache, each with the same list of processors.
    if (!seen_.insert({level, type, first_line(index / "shared_cpu_list")}).second) return;

    std::string size = first_line(index / "size");  // the kernel prints no other unit: `48K`
    if (size.ends_with('K')) size.pop_back();
    const std::optional<std::int64_t> kibibytes = parse_number(size);
    for (CpuCache* cache : caches(level, type)) {
      if (cache->count++ == 0 && kibibytes) cache->size_in_bytes = *kibibytes * 1024;
    }
  }

 private:
  std::vector<CpuCache*> caches(std::string_view level, std::string_view type) const {
    if (level == "1" && type == "Instruction") return {&cpu_info_.l1i};
    if (level == "1" && type == "Data") return {&cpu_info_.l1d};
    if (level == "1") return {&cpu_info_.l1i, &cpu_info_.l1d};
    if (level == "2") return {&cpu_info_.l2};
    if (level == "3") return {&cpu_info_.l3};
    if (level == "4") return {&cpu_info_.l4};
    return {};
  }

  CpuInfo& cpu_info_;
  std::set<std::array<std::string, 3>> seen_;
};

}  // namespace

CpuInfo read_cpu_info(const fs::path& root) {
  CpuInfo cpu_info;

  std::int64_t processors = 0;
  fs::ifstream cpuinfo(root / "proc/cpuinfo");
  for (std::string line; std::getline(cpuinfo, line);) {
    const std::size_t colon = std::min(line.find(':'), line.size());
    const std::string_view key = trimmed(std::string_view(line).substr(0, colon));
    if (key == "processor") ++processors;
    if (key == "model name" && cpu_info.name.empty())
      cpu_info.name = trimmed(line.substr(colon + 1));
  }

  CacheCounter caches(cpu_info);
  std::set<std::string> cores;  // as lists of their processors
  for (const auto& [number, cpu] : numbered_entries(root / "sys/devices/system/cpu", "cpu")) {
    const std::string siblings = first_line(cpu / "topology/thread_siblings_list");
    if (!siblings.empty()) cores.insert(siblings);  // empty: the processor is offline
    for (const auto& [index, cache] : numbered_entries(cpu / "cache", "index")) caches.add(cache);
  }
  cpu_info.cores_count = cores.empty() ? processors : static_cast<std::int64_t>(cores.size());
  return cpu_info;
}

std::string to_json(const CpuInfo& cpu_info) {
  llvm::json::Object object{{"cores_count", cpu_info.cores_count},
                            {"name", llvm::json::fixUTF8(cpu_info.name)}};
  auto add_cache = [&object](const std::string& kind, const CpuCache& cache) {
    object[kind + "_cache_count"] = cache.count;
    object[kind + "_cache_size"] = cache.size_in_bytes;
  };
  add_cache("l1d", cpu_info.l1d);
  add_cache("l1i", cpu_info.l1i);
  add_cache("l2", cpu_info.l2);
  add_cache("l3", cpu_info.l3);
  add_cache("l4", cpu_info.l4);

  return json_text(std::move(object));
}

}  // namespace compiler_gym
