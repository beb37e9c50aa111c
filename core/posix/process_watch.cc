#include "core/posix/process_watch.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <string>
#include <string_view>
#include <vector>

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

}  // namespace compiler_gym
