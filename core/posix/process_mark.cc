#include "core/posix/process_mark.h"

#include <fmt/core.h>
#include <unistd.h>

#include <atomic>
#include <charconv>
#include <cstdint>
#include <fstream>

#include "core/posix/processes.h"

namespace compiler_gym {
namespace {

bool is_marked(pid_t pid, const std::string& entry) {
  std::ifstream environment(fmt::format("/proc/{}/environ", pid));
  for (std::string found; std::getline(environment, found, '\0');) {
    if (found.starts_with(entry)) {
      return true;
    }
  }
  return false;
}

// Whether numbers have been given out from the beginning again since this process was started.
bool have_numbers_wrapped_since(pid_t pid) {
  const std::string load = read_proc_file("/proc/loadavg");  // its last number is the latest
  const std::size_t at = load.rfind(' ');
  pid_t latest = 0;
  if (at != std::string::npos) {
    std::from_chars(load.data() + at + 1, load.data() + load.size(), latest);
  }
  return latest < pid;
}

}  // namespace

std::string process_marks_of(pid_t process) {
  return fmt::format("{}.{}-", process, start_time_of(process));
}

std::string new_process_mark() {
  static std::atomic<std::uint64_t> count = 0;
  return process_marks_of(getpid()) + std::to_string(++count) + ".";
}

void kill_marked(const std::string& mark, pid_t started_before) {
  const std::string entry = fmt::format("{}={}", kProcessMark, mark);
  const auto is_meant = [&entry](pid_t pid) { return is_marked(pid, entry); };
  const bool all = have_numbers_wrapped_since(started_before);
  // Again, as a process may have been started by one that is killed. A bound, as one that can't be
  // killed, in the middle of a broken disk's system call, is not to be waited for.
  for (int round = 0; round < 100; ++round) {
    bool found = false;
    for (const pid_t pid : all_processes()) {
      if (all || pid > started_before) {
        found |= kill_if(pid, is_meant);
      }
    }
    if (!found) {
      return;
    }
  }
}

}  // namespace compiler_gym
