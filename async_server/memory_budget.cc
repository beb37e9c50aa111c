#include "async_server/memory_budget.h"

#include <fmt/core.h>

#include <algorithm>
#include <boost/filesystem/fstream.hpp>
#include <charconv>
#include <limits>
#include <sstream>
#include <string_view>

#include "async_server/internal/byte_size.h"
#include "async_server/server.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;
using internal::format_bytes;

constexpr std::uint64_t kMebibyte = std::uint64_t{1} << 20;
constexpr std::uint64_t kGibibyte = std::uint64_t{1} << 30;
constexpr std::uint64_t kFullBudget =
    12 * kGibibyte + kGibibyte / 2;  // what the defaults of ServerOptions add up to

// The number at the beginning of what `file` has after `key`; none if it is not there, or a word such
// as cgroup's "max".
std::optional<std::uint64_t> read_number(const fs::path& file, std::string_view key = {}) {
  fs::ifstream lines(file);
  for (std::string line; std::getline(lines, line);) {
    if (!line.starts_with(key)) {
      continue;
    }
    const std::size_t digits = line.find_first_not_of(" \t", key.size());
    std::uint64_t number = 0;
    if (digits != std::string::npos &&
        std::from_chars(line.data() + digits, line.data() + line.size(), number).ec ==
            std::errc()) {
      return number;
    }
    return std::nullopt;
  }
  return std::nullopt;
}

// The least of the limits of the group at `path` below `mount`, and of those around it: each holds
// for all that is below. A container may see its own group as the root, with a path that is none of
// its own file system; what is not there has no limit.
std::uint64_t least_limit(const fs::path& mount, const fs::path& path, const char* file) {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  for (fs::path group = mount / path;; group = group.parent_path()) {
    least = std::min(least, read_number(group / file).value_or(least));
    if (group.size() <= mount.size()) {
      return least;
    }
  }
}

// A line of /proc/self/cgroup is `number:controllers:path`, with number 0 and no controllers in
// version 2.
std::uint64_t group_limit(const fs::path& root) {
  std::uint64_t least = std::numeric_limits<std::uint64_t>::max();
  fs::ifstream groups(root / "proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    if (first == std::string::npos || second == std::string::npos) {
      continue;
    }
    const std::string controllers = line.substr(first + 1, second - first - 1);
    const fs::path path = fs::path(line.substr(second + 1)).relative_path();
    const fs::path mount = root / "sys/fs/cgroup";
    if (controllers.empty()) {
      least = std::min(least, least_limit(mount, path, "memory.max"));
    } else if (("," + controllers + ",").find(",memory,") != std::string::npos) {
      least = std::min(least, least_limit(mount / "memory", path, "memory.limit_in_bytes"));
    }
  }
  return least;
}

}  // namespace

MemoryBounds derive_memory_bounds(std::uint64_t bytes) {
  const ServerOptions most;
  constexpr std::uint64_t kTemplate = 24 * kMebibyte;
  MemoryBounds bounds;
  bounds.max_benchmark_cache_bytes =
      std::min<std::uint64_t>(bytes / 8, most.context.max_benchmark_cache_bytes);
  bounds.state_graph_bytes = std::min<std::uint64_t>(bytes / 8, most.context.state_graph_bytes);
  bounds.max_templates =
      std::clamp<std::size_t>(bytes / 8 / kTemplate, 1, most.isolation.max_templates);
  bounds.max_idle_bytes = std::min<std::uint64_t>(bytes / 8, most.isolation.recycle.max_idle_bytes);
  const std::uint64_t kept = 2 * bounds.max_benchmark_cache_bytes + bounds.state_graph_bytes +
                             bounds.max_templates * kTemplate;
  const std::uint64_t on_its_way = bytes > kept ? bytes - kept : 0;
  bounds.max_bytes_in_flight =
      std::min<std::uint64_t>(on_its_way / 5 * 2, most.max_bytes_in_flight);
  bounds.max_grpc_memory = std::min<std::uint64_t>(on_its_way / 5 * 2, most.max_grpc_memory);
  bounds.max_unread_bytes = std::min<std::uint64_t>(on_its_way / 5, most.max_unread_bytes);
  bounds.max_reply_size =
      std::min<std::uint64_t>(bounds.max_unread_bytes, most.sessions.max_reply_bytes);
  bounds.max_executor_bytes = bytes;
  bounds.sandbox_memory =
      std::clamp(bytes / 3, kGibibyte, isolated::SandboxLimits().memory_in_bytes);
  return bounds;
}

std::optional<std::uint64_t> available_memory(const fs::path& root) {
  const std::uint64_t group = group_limit(root);
  const std::optional<std::uint64_t> kibibytes = read_number(root / "proc/meminfo", "MemTotal:");
  if (kibibytes) {
    return std::min(*kibibytes * 1024, group);
  }
  return group == std::numeric_limits<std::uint64_t>::max() ? std::nullopt : std::optional(group);
}

std::uint64_t default_memory_budget(std::optional<std::uint64_t> available) {
  return available ? std::max(*available / 2, kMinMemoryBudget) : kFullBudget;
}

std::string to_string(const MemoryBounds& bounds) {
  return fmt::format(
      "requests in flight {}, unread replies {}, gRPC {}, benchmark cache {}, state graph {}, "
      "templates {}, idle sandbox processes {}, sessions' compilers {}, each sandbox process {}, "
      "one reply {}",
      format_bytes(bounds.max_bytes_in_flight), format_bytes(bounds.max_unread_bytes),
      format_bytes(bounds.max_grpc_memory), format_bytes(bounds.max_benchmark_cache_bytes),
      format_bytes(bounds.state_graph_bytes), bounds.max_templates,
      format_bytes(bounds.max_idle_bytes), format_bytes(bounds.max_executor_bytes),
      format_bytes(bounds.sandbox_memory), format_bytes(bounds.max_reply_size));
}

}  // namespace compiler_gym
