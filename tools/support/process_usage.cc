#include "tools/support/process_usage.h"

#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <optional>
#include <string>

#include "core/posix/processes.h"

namespace compiler_gym {
namespace {

constexpr int kBytesPerKilobyte = 1024;

std::optional<std::uint64_t> parse_leading_number(std::string_view text) {
  text.remove_prefix(std::min(text.find_first_not_of(" \t"), text.size()));
  std::uint64_t number = 0;
  const auto parsed = std::from_chars(text.data(), text.data() + text.size(), number);
  return parsed.ec == std::errc() ? std::optional(number) : std::nullopt;
}

/// The number behind `name:` in /proc/<pid>/status, and files like it.
std::optional<std::uint64_t> status_field(std::string_view status, std::string_view name) {
  const std::size_t line = status.find("\n" + std::string(name) + ":");
  if (line == std::string_view::npos) {
    return std::nullopt;
  }
  return parse_leading_number(status.substr(line + name.size() + 2));
}

/// The number in field `index` of /proc/<pid>/stat, counted from 1 as in proc(5). Fields are
/// counted from the last parenthesis on, since the process's name, field 2, may itself hold spaces.
std::optional<std::uint64_t> stat_field(std::string_view stat, int index) {
  std::size_t position = stat.rfind(')');
  for (int field = 2; field < index && position != std::string_view::npos; ++field) {
    position = stat.find(' ', position + 1);
  }
  if (position == std::string_view::npos) {
    return std::nullopt;
  }
  return parse_leading_number(stat.substr(position));
}

/// To the nanosecond, all threads, those that have ended too. /proc rounds down to ticks, which over
/// many processes that have done little leaves out most of what they did.
std::chrono::nanoseconds own_cpu(pid_t pid) {
  clockid_t clock{};
  timespec time{};
  if (clock_getcpuclockid(pid, &clock) != 0 || clock_gettime(clock, &time) != 0) {
    return std::chrono::nanoseconds(0);  // it has ended
  }
  return std::chrono::seconds(time.tv_sec) + std::chrono::nanoseconds(time.tv_nsec);
}

}  // namespace

namespace internal {

Result<ProcessUsage> parse_process_usage(std::string_view stat, std::string_view status,
                                         long ticks_per_second) {
  constexpr int kUserTicks = 14;
  constexpr int kSystemTicks = 15;
  constexpr int kChildrensUserTicks = 16;
  constexpr int kChildrensSystemTicks = 17;
  constexpr int kMicrosecondsPerSecond = 1'000'000;

  const auto user = stat_field(stat, kUserTicks);
  const auto system = stat_field(stat, kSystemTicks);
  const auto childrens_user = stat_field(stat, kChildrensUserTicks);
  const auto childrens_system = stat_field(stat, kChildrensSystemTicks);
  const auto rss = status_field(status, "VmRSS");
  const auto peak_rss = status_field(status, "VmHWM");
  const auto threads = status_field(status, "Threads");
  if (!user || !system || !childrens_user || !childrens_system || !rss || !peak_rss || !threads) {
    return data_loss("/proc/<pid>/stat and status lack a field (a process that has just ended?)");
  }
  const auto to_time = [&](std::uint64_t ticks) {
    return std::chrono::microseconds(ticks * kMicrosecondsPerSecond / ticks_per_second);
  };
  return ProcessUsage{.user_cpu = to_time(*user),
                      .system_cpu = to_time(*system),
                      .rss_bytes = *rss * kBytesPerKilobyte,
                      .peak_rss_bytes = *peak_rss * kBytesPerKilobyte,
                      .threads = static_cast<int>(*threads),
                      .children_cpu = to_time(*childrens_user + *childrens_system)};
}

}  // namespace internal

Result<ProcessUsage> read_process_usage(pid_t pid) {
  const std::string directory = "/proc/" + std::to_string(pid);
  const std::string stat = read_proc_file(directory + "/stat");
  if (stat.empty()) {
    return not_found("no process " + std::to_string(pid));
  }
  return internal::parse_process_usage(stat, read_proc_file(directory + "/status"),
                                       sysconf(_SC_CLK_TCK));
}

std::chrono::nanoseconds read_process_tree_cpu(pid_t root) {
  std::chrono::nanoseconds cpu{0};
  for (const pid_t pid : process_tree(root)) {
    // That there is such a process is to be known first: no other number has a clock.
    if (const Result<ProcessUsage> usage = read_process_usage(pid)) {
      cpu += own_cpu(pid) + usage->children_cpu;
    }
  }
  return cpu;
}

std::uint64_t read_process_tree_memory(pid_t root) {
  std::uint64_t bytes = 0;
  for (const pid_t pid : process_tree(root)) {
    const std::string rollup = read_proc_file("/proc/" + std::to_string(pid) + "/smaps_rollup");
    bytes += status_field(rollup, "Pss").value_or(0) * kBytesPerKilobyte;
  }
  return bytes;
}

}  // namespace compiler_gym
