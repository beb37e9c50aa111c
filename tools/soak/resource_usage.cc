#include "tools/soak/resource_usage.h"

#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/operations.hpp>
#include <string>

#include "core/posix/processes.h"
#include "tools/support/process_usage.h"

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
