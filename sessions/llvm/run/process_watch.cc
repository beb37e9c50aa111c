#include "sessions/llvm/run/process_watch.h"

#include <poll.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <csignal>
#include <fstream>
#include <string_view>
#include <vector>

#include "core/posix/file_descriptor.h"
#include "core/posix/processes.h"

namespace compiler_gym {
namespace {

std::string file_of(pid_t pid, const char* name) {
  return "/proc/" + std::to_string(pid) + "/" + name;
}

// Numbers separated by blanks.
std::vector<std::int64_t> numbers_in(std::string_view text) {
  std::vector<std::int64_t> numbers;
  const char* next = text.data();
  const char* const end = text.data() + text.size();
  while (next != end) {
    std::int64_t number = 0;
    const auto [stopped, error] = std::from_chars(next, end, number);
    if (error == std::errc()) {
      numbers.push_back(number);
      next = stopped;
    } else {
      ++next;
    }
  }
  return numbers;
}

bool is_marked(pid_t pid, const std::string& entry) {
  std::ifstream environment(file_of(pid, "environ"));
  for (std::string found; std::getline(environment, found, '\0');) {
    if (found == entry) {
      return true;
    }
  }
  return false;
}

// Whether there was such a process. The number could be another process's by now, so it is held on
// to before it is looked at.
bool kill_if_marked(pid_t pid, const std::string& entry) {
  if (!is_marked(pid, entry)) {
    return false;
  }
  const FileDescriptor process(static_cast<int>(syscall(SYS_pidfd_open, pid, 0)));
  if (!process) {
    return is_marked(pid, entry) && kill(pid, SIGKILL) == 0;
  }
  if (!is_marked(pid, entry) ||
      syscall(SYS_pidfd_send_signal, process.get(), SIGKILL, nullptr, 0) != 0) {
    return false;
  }
  pollfd ended{process.get(), POLLIN, 0};
  poll(&ended, 1, /*milliseconds=*/1000);
  return true;
}

// Whether numbers have been given out from the beginning again since this process was started.
bool have_numbers_wrapped_since(pid_t pid) {
  const std::vector<std::int64_t> load = numbers_in(read_proc_file("/proc/loadavg"));
  return load.empty() || load.back() < pid;
}

}  // namespace

std::uint64_t largest_resident_size(pid_t root) {
  static const auto page_size = static_cast<std::uint64_t>(sysconf(_SC_PAGESIZE));
  std::uint64_t largest = 0;
  for (const pid_t pid : process_tree(root)) {
    const std::vector<std::int64_t> sizes = numbers_in(read_proc_file(file_of(pid, "statm")));
    if (sizes.size() > 1) {
      largest = std::max(largest, static_cast<std::uint64_t>(sizes[1]) * page_size);
    }
  }
  return largest;
}

void kill_marked(const std::string& entry, pid_t started_before) {
  const bool all = have_numbers_wrapped_since(started_before);
  // Again, as a process may have been started by one that is killed. A bound, as one that can't be
  // killed, in the middle of a broken disk's system call, is not to be waited for.
  for (int round = 0; round < 100; ++round) {
    bool found = false;
    for (const pid_t pid : all_processes()) {
      if (all || pid > started_before) {
        found |= kill_if_marked(pid, entry);
      }
    }
    if (!found) {
      return;
    }
  }
}

}  // namespace compiler_gym
