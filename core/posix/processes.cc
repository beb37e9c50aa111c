#include "core/posix/processes.h"

#include <dirent.h>

#include <charconv>
#include <fstream>
#include <map>
#include <memory>
#include <string>
#include <string_view>

namespace compiler_gym {

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
  const std::string stat = read_proc_file("/proc/" + std::to_string(pid) + "/stat");
  // `pid (name) state parent ...`, and a name may hold anything, the end of a line too.
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || name_end + 4 >= stat.size()) {
    return 0;
  }
  pid_t parent = 0;
  std::from_chars(stat.data() + name_end + 4, stat.data() + stat.size(), parent);
  return parent;
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

}  // namespace compiler_gym
