// What a process has used, as /proc tells it.
#pragma once

#include <sys/types.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "core/support/status.h"

namespace compiler_gym {

/// Of one process; what runs as its child is not included.
struct ProcessUsage {
  std::chrono::microseconds user_cpu{0};    ///< in steps of the kernel's clock tick, often 10 ms
  std::chrono::microseconds system_cpu{0};  ///< likewise
  std::uint64_t rss_bytes = 0;              ///< resident now
  std::uint64_t peak_rss_bytes = 0;         ///< the most that was ever resident
  int threads = 0;
  std::chrono::microseconds children_cpu{0};  ///< of children that ended and were waited for

  [[nodiscard]] std::chrono::microseconds cpu() const { return user_cpu + system_cpu; }
};

/// NOT_FOUND if there is no such process.
[[nodiscard]] Result<ProcessUsage> read_process_usage(pid_t pid);

/// The CPU time of a process and of what descends from it; of what has ended, in steps of the clock
/// tick. 0 if there is no such process.
[[nodiscard]] std::chrono::nanoseconds read_process_tree_cpu(pid_t root);

/// The memory of a process and of what descends from it: of a page that several processes share, each has its part.
/// 0 if there is no such process.
[[nodiscard]] std::uint64_t read_process_tree_memory(pid_t root);

namespace internal {

/// From the texts of /proc/<pid>/stat and /proc/<pid>/status. DATA_LOSS if they lack a field.
[[nodiscard]] Result<ProcessUsage> parse_process_usage(std::string_view stat,
                                                       std::string_view status,
                                                       long ticks_per_second);

}  // namespace internal
}  // namespace compiler_gym
