#include "sessions/llvm/figure_parameters.h"

#include <array>
#include <cstdint>
#include <string_view>

#include "sessions/llvm/llvm_service_context.h"

namespace compiler_gym {
namespace {

template <typename Figures>
struct Row {
  std::string_view name;
  std::uint64_t (*value)(const Figures& figures);
};

using Cache = BitcodeCache::Figures;
constexpr std::string_view kCachePrefix = "llvm.bitcode_cache.get_";
constexpr std::array kCacheRows{
    Row<Cache>{"entries", [](const Cache& cache) { return cache.entries; }},
    Row<Cache>{"size_in_bytes", [](const Cache& cache) { return cache.size_in_bytes; }},
    Row<Cache>{"max_size_in_bytes", [](const Cache& cache) { return cache.max_size_in_bytes; }},
    Row<Cache>{"hits", [](const Cache& cache) { return cache.hits; }},
    Row<Cache>{"loads", [](const Cache& cache) { return cache.loads; }},
    Row<Cache>{"evictions", [](const Cache& cache) { return cache.evictions; }},
};

using Spares = SpareModules::Figures;
constexpr std::string_view kSparesPrefix = "llvm.spare_modules.get_";
constexpr std::array kSparesRows{
    Row<Spares>{"entries", [](const Spares& spares) { return spares.entries; }},
    Row<Spares>{"size_in_bytes", [](const Spares& spares) { return spares.size_in_bytes; }},
    Row<Spares>{"max_size_in_bytes", [](const Spares& spares) { return spares.max_size_in_bytes; }},
    Row<Spares>{"hits", [](const Spares& spares) { return spares.hits; }},
    Row<Spares>{"misses", [](const Spares& spares) { return spares.misses; }},
    Row<Spares>{"dropped", [](const Spares& spares) { return spares.dropped; }},
};

template <typename Figures, std::size_t Size>
std::optional<std::string> find(const std::array<Row<Figures>, Size>& rows, std::string_view name,
                                const Figures& figures) {
  for (const Row<Figures>& row : rows) {
    if (row.name == name) {
      return std::to_string(row.value(figures));
    }
  }
  return std::nullopt;
}

}  // namespace

bool is_figure_parameter(std::string_view key) {
  return key.starts_with(kCachePrefix) || key.starts_with(kSparesPrefix);
}

std::optional<std::string> figure_parameter(const std::string& key,
                                            const LlvmServiceContext& context) {
  const std::string_view text = key;
  if (text.starts_with(kCachePrefix)) {
    return find(kCacheRows, text.substr(kCachePrefix.size()), context.bitcode_cache().figures());
  }
  if (text.starts_with(kSparesPrefix)) {
    return find(kSparesRows, text.substr(kSparesPrefix.size()), context.spare_modules().figures());
  }
  return std::nullopt;
}

}  // namespace compiler_gym
