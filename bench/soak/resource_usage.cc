#include "bench/soak/resource_usage.h"

#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/operations.hpp>
#include <charconv>
#include <fstream>
#include <map>
#include <string>

#include "bench/client/process_usage.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

int count_entries(const fs::path& directory) {
  boost::system::error_code error;
  int count = 0;
  for (fs::directory_iterator entry(directory, error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    ++count;
  }
  return count;
}

void add_files(const fs::path& directory, ResourceUsage& usage) {
  boost::system::error_code error;
  fs::recursive_directory_iterator entry(directory, error);
  for (; !error && entry != fs::recursive_directory_iterator(); entry.increment(error)) {
    if (entry.depth() == 0 && entry->path().filename() == "logs") {
      entry.disable_recursion_pending();
      continue;
    }
    ++usage.files;
    boost::system::error_code gone;
    if (fs::is_regular_file(entry->path(), gone)) {
      const auto size = fs::file_size(entry->path(), gone);
      usage.file_bytes += gone ? 0 : size;
    }
  }
}

}  // namespace

// From /proc/<pid>/stat: the second field after the name, which is in parentheses.
pid_t parent_of(pid_t pid) {
  std::ifstream file("/proc/" + std::to_string(pid) + "/stat");
  std::string stat;
  std::getline(file, stat);
  const std::size_t name_end = stat.rfind(')');
  if (name_end == std::string::npos || stat.size() < name_end + 4) {
    return -1;
  }
  pid_t parent = -1;
  std::from_chars(stat.data() + name_end + 4, stat.data() + stat.size(), parent);
  return parent;
}

std::vector<pid_t> process_tree(pid_t root) {
  std::multimap<pid_t, pid_t> children;
  boost::system::error_code error;
  for (fs::directory_iterator entry("/proc", error); !error && entry != fs::directory_iterator();
       entry.increment(error)) {
    const std::string name = entry->path().filename().string();
    pid_t pid = -1;
    const auto parsed = std::from_chars(name.data(), name.data() + name.size(), pid);
    if (parsed.ec == std::errc() && parsed.ptr == name.data() + name.size()) {
      children.emplace(parent_of(pid), pid);
    }
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

ResourceUsage read_resource_usage(pid_t service, const fs::path& working_directory) {
  ResourceUsage usage;
  for (const pid_t pid : process_tree(service)) {
    ++usage.processes;
    usage.file_descriptors += count_entries("/proc/" + std::to_string(pid) + "/fd");
    if (const Result<ProcessUsage> process = read_process_usage(pid); process) {
      usage.rss_bytes += process->rss_bytes;
      usage.threads += process->threads;
    }
  }
  add_files(working_directory, usage);
  return usage;
}

}  // namespace compiler_gym
