// How much memory a service may use, and what each of its bounds is of that.
#pragma once

#include <boost/filesystem/path.hpp>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

namespace compiler_gym {

/// Bounds in bytes, by the names of the flags that set one of them apart from the budget.
struct MemoryBounds {
  std::uint64_t max_benchmark_cache_bytes = 0;
  std::uint64_t state_graph_bytes = 0;
  std::size_t max_templates = 0;     ///< processes, each with a benchmark loaded
  std::uint64_t max_idle_bytes = 0;  ///< of processes that wait for their next session
  std::uint64_t max_bytes_in_flight = 0;
  std::uint64_t max_grpc_memory = 0;
  std::uint64_t max_unread_bytes = 0;
  std::uint64_t max_reply_size = 0;
  std::uint64_t max_executor_bytes = 0;  ///< of the compilers of sessions, about
  std::uint64_t sandbox_memory = 0;      ///< of address space, each

  bool operator==(const MemoryBounds&) const = default;
};

/// Below, a single module of a few megabytes would not fit into the bounds.
inline constexpr std::uint64_t kMinMemoryBudget = std::uint64_t{256} << 20;

/// What a budget of `bytes` comes to; never more than the defaults of ServerOptions, which fit into
/// 12.5 GiB: more room for requests that wait serves nobody.
///
///   - First what a service keeps: an eighth for the benchmark cache, as much for what the compiler
///     keeps of these benchmarks, as much for what is remembered of sessions, and as much for templates, at 24 MiB each. That is what the
///     process of a template holds, shared pages included (docs/performance.md, "Soak").
///   - Then what is on its way, of the rest: two fifths for requests in flight, two for gRPC, which
///     holds their bytes before they count as requests, and one for replies that nobody reads. A single
///     reply may have all of that, but no more than 512 MiB.
///   - Together these are the budget. The processes of isolated sessions are not in it: they have as much beside it,
///     however large that is, and of those that wait for their next session there is no more than an eighth. Each may have
///     a third as much address space, so that no single one takes the other half of the machine; but at
///     least 1 GiB, since the compiler's code and libraries count as address space too.
[[nodiscard]] MemoryBounds derive_memory_bounds(std::uint64_t bytes);

/// What this process may use: the machine's memory, or the limit of its control group (version 2 or
/// 1) or of one around it, whichever is least. `root`: where proc/ and sys/ are. None: they do not
/// say. Blocks for reading some small files.
[[nodiscard]] std::optional<std::uint64_t> available_memory(
    const boost::filesystem::path& root = "/");

/// Half of `available`, as the processes of sessions and the rest of the machine need memory too; at
/// least kMinMemoryBudget. Without a figure, what ServerOptions' defaults come to.
[[nodiscard]] std::uint64_t default_memory_budget(std::optional<std::uint64_t> available);

/// One line for the log.
[[nodiscard]] std::string to_string(const MemoryBounds& bounds);

}  // namespace compiler_gym
