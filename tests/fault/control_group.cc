#include "tests/fault/control_group.h"

#include <unistd.h>

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <fstream>
#include <iterator>
#include <optional>
#include <sstream>
#include <string_view>
#include <vector>

#include "tests/support/poll.h"

namespace compiler_gym::testing {
namespace {

namespace fs = boost::filesystem;

std::vector<std::string> words_in(std::string text) {
  std::ranges::replace(text, ',', ' ');
  std::istringstream stream(text);
  return {std::istream_iterator<std::string>(stream), {}};
}

bool has_word(const std::string& text, std::string_view word) {
  const std::vector<std::string> words = words_in(text);
  return std::ranges::find(words, word) != words.end();
}

std::string contents(const fs::path& file) {
  std::ifstream stream(file.string());
  return {std::istreambuf_iterator<char>(stream), {}};
}

bool put(const fs::path& file, const std::string& text) {
  std::ofstream stream(file.string());
  stream << text;
  stream.close();
  return stream.good();
}

// Where a hierarchy of groups is mounted that has the controller (1), or any (2).
std::optional<fs::path> mount_point(int version, std::string_view controller) {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device;
    std::string directory;
    std::string type;
    std::string options;
    fields >> device >> directory >> type >> options;
    if (version == 2 ? type == "cgroup2" : type == "cgroup" && has_word(options, controller)) {
      return directory;
    }
  }
  return std::nullopt;
}

// This process's group there: `number:controllers:path`, of version 2 `0::path`.
std::optional<fs::path> own_group(int version, std::string_view controller) {
  const std::optional<fs::path> mounted = mount_point(version, controller);
  if (!mounted) {
    return std::nullopt;
  }
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version == 2 ? controllers.empty() : has_word(controllers, controller)) {
      return *mounted / line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// Whether groups below have the controller; a group of version 2 has to say so.
bool passes_controller_on(const fs::path& group, int version, const std::string& controller) {
  const fs::path passed_on = group / "cgroup.subtree_control";
  return version == 1 || has_word(contents(passed_on), controller) ||
         (has_word(contents(group / "cgroup.controllers"), controller) &&
          put(passed_on, "+" + controller));
}

}  // namespace

Result<std::unique_ptr<ControlGroup>> ControlGroup::create(const std::string& controller) {
  for (const int version : {2, 1}) {
    const std::optional<fs::path> own = own_group(version, controller);
    if (!own || !passes_controller_on(*own, version, controller)) {
      continue;
    }
    const fs::path directory = *own / fs::unique_path("compiler-gym-test-%%%%-%%%%");
    boost::system::error_code error;
    if (fs::create_directory(directory, error)) {
      return std::unique_ptr<ControlGroup>(new ControlGroup(directory, version));
    }
  }
  return unavailable("no control group with the controller '" + controller + "' can be made here");
}

Result<std::unique_ptr<ControlGroup>> ControlGroup::of_processes() {
  return create("pids");
}

Result<std::unique_ptr<ControlGroup>> ControlGroup::of_memory() {
  return create("memory");
}

ControlGroup::~ControlGroup() {
  poll_until([this] {
    boost::system::error_code busy;
    fs::remove(directory_, busy);
    return !busy;
  });
}

void ControlGroup::add(pid_t process) const {
  put(directory_ / "cgroup.procs", std::to_string(process));
}

void ControlGroup::forbid_more_processes() const {
  put(directory_ / "pids.max", contents(directory_ / "pids.current"));
}

void ControlGroup::allow_more_processes() const {
  put(directory_ / "pids.max", "max");
}

std::uint64_t ControlGroup::refused() const {
  std::istringstream events(contents(directory_ / "pids.events"));
  std::string event;
  std::uint64_t count = 0;
  events >> event >> count;
  return event == "max" ? count : 0;
}

bool ControlGroup::leave_bytes(std::uint64_t bytes) const {
  const bool first = version_ == 1;
  const std::string used =
      contents(directory_ / (first ? "memory.usage_in_bytes" : "memory.current"));
  return !used.empty() && put(directory_ / (first ? "memory.limit_in_bytes" : "memory.max"),
                              std::to_string(std::stoull(used) + bytes));
}

}  // namespace compiler_gym::testing
