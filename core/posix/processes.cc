#include "core/posix/processes.h"

#include <dirent.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>

#include "core/posix/file_descriptor.h"
#include "core/posix/pidfd.h"
#include "core/posix/wait_readable.h"

namespace compiler_gym {
namespace {

// A number of /proc/<pid>/stat, as proc(5) counts them, from 4 on; 0 if there is no such process.
std::int64_t stat_field(pid_t pid, int field) {
  const std::string stat = read_proc_file("/proc/" + std::to_string(pid) + "/stat");
  // `pid (name) state parent ...`, and a name may hold anything, the end of a line too.
  std::size_t at = stat.rfind(')');
  for (int skipped = 2; skipped < field && at != std::string::npos; ++skipped) {
    at = stat.find(' ', at + 1);
  }
  std::int64_t value = 0;
  if (at != std::string::npos) {
    std::from_chars(stat.data() + at + 1, stat.data() + stat.size(), value);
  }
  return value;
}

// Whether there is nothing left of a child by then, as far as this process is concerned.
bool reap_before(pid_t child, std::chrono::steady_clock::time_point deadline, int& status) {
  const FileDescriptor process(pidfd_open(child, 0));
  for (;;) {
    const pid_t reaped = waitpid(child, &status, WNOHANG);
    if (reaped == child) {
      return true;
    }
    const auto left =
        std::chrono::ceil<std::chrono::milliseconds>(deadline - std::chrono::steady_clock::now());
    if ((reaped < 0 && errno != EINTR) || left.count() <= 0) {
      return false;
    }
    // Without a pidfd, which some containers deny, a look each millisecond.
    pollfd ended{process.get(), POLLIN, 0};
    wait_readable({&ended, 1}, process ? left : std::chrono::milliseconds(1));
  }
}

}  // namespace

bool wait_for_child(pid_t child, std::chrono::milliseconds patience) {
  int status = 0;
  return reap_before(child, std::chrono::steady_clock::now() + patience, status);
}

std::string read_proc_file(const std::string& path) {
  std::ifstream file(path);
  std::string text;
  std::getline(file, text, '\0');  // does not throw, as an iterator over the file does
  return text;
}

std::vector<pid_t> all_processes() {
  std::vector<pid_t> processes;
  const std::unique_ptr<DIR, int (*)(DIR*)> proc(opendir("/proc"), &closedir);
  while (const dirent* entry = proc == nullptr ? nullptr : readdir(proc.get())) {
    const std::string_view name = entry->d_name;
    pid_t pid = 0;
    const char* const first = name.data();
    const char* const last = first + name.size();
    if (std::from_chars(first, last, pid).ptr == last) {
      processes.push_back(pid);
    }
  }
  return processes;
}

pid_t parent_of(pid_t pid) {
  return static_cast<pid_t>(stat_field(pid, 4));
}

std::uint64_t start_time_of(pid_t pid) {
  return static_cast<std::uint64_t>(stat_field(pid, 22));
}

std::uint64_t own_memory_in_bytes() {
  // `size resident shared ...`, in pages.
  const std::string statm = read_proc_file("/proc/self/statm");
  const char* const end = statm.data() + statm.size();
  std::array<std::uint64_t, 3> pages{};
  const char* at = statm.data();
  for (std::uint64_t& number : pages) {
    at = std::from_chars(at, end, number).ptr;
    at += at == end ? 0 : 1;
  }
  return (pages[1] - std::min(pages[1], pages[2])) * static_cast<std::uint64_t>(getpagesize());
}

std::vector<pid_t> process_tree(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  for (const pid_t pid : all_processes()) {
    children.emplace(parent_of(pid), pid);
  }
  std::vector<pid_t> tree{root};
  for (std::size_t i = 0; i < tree.size(); ++i) {
    const auto [first, last] = children.equal_range(tree[i]);
    for (auto child = first; child != last; ++child) {
      tree.push_back(child->second);
    }
  }
  return tree;
}

bool kill_if(pid_t pid, const std::function<bool(pid_t)>& is_meant) {
  if (!is_meant(pid)) {
    return false;
  }
  // The number could be another process's by now, so it is held on to before it is looked at again.
  const FileDescriptor process(pidfd_open(pid, 0));
  if (!is_meant(pid)) {
    return false;
  }
  if (!process) {  // denied, as in some containers
    return kill(pid, SIGKILL) == 0;
  }
  if (pidfd_send_signal(process.get(), SIGKILL, nullptr, 0) != 0) {
    return false;
  }
  pollfd ended{process.get(), POLLIN, 0};
  wait_readable({&ended, 1}, std::chrono::seconds(1));
  return true;
}

std::vector<pid_t> children_of_this_process() {
  const std::string self = std::to_string(getpid());
  std::ifstream file("/proc/self/task/" + self + "/children");
  std::vector<pid_t> children;
  if (file.is_open()) {
    for (pid_t child = 0; file >> child;) {
      children.push_back(child);
    }
    return children;
  }
  for (const pid_t pid : all_processes()) {  // a kernel without that file
    if (parent_of(pid) == getpid()) {
      children.push_back(pid);
    }
  }
  return children;
}

std::vector<EndedChild> kill_children(std::chrono::milliseconds patience,
                                      const std::vector<pid_t>& spared) {
  const auto deadline = std::chrono::steady_clock::now() + patience;
  std::vector<EndedChild> ended;
  for (bool found = true; found;) {
    found = false;
    std::vector<pid_t> children = children_of_this_process();
    std::erase_if(children, [&spared](pid_t child) {
      return std::find(spared.begin(), spared.end(), child) != spared.end();
    });
    for (const pid_t child : children) {
      // Fails for a privileged program, which the kernel does not let us kill.
      std::ignore = kill(child, SIGKILL);
    }
    for (const pid_t child : children) {
      int status = 0;
      if (reap_before(child, deadline, status)) {
        ended.push_back({child, status});
        found = true;  // and has left us its own
      }
    }
  }
  return ended;
}

bool children_are_of_commands() {
  int adopts = 0;
  constexpr int kThreads = 20;
  return prctl(PR_GET_CHILD_SUBREAPER, &adopts) == 0 && adopts != 0 &&
         stat_field(getpid(), kThreads) == 1;
}

}  // namespace compiler_gym
