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

constexpr auto* kController = "pids";

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
std::optional<fs::path> mount_point(int version) {
  std::ifstream mounts("/proc/self/mounts");
  for (std::string line; std::getline(mounts, line);) {
    std::istringstream fields(line);
    std::string device;
    std::string directory;
    std::string type;
    std::string options;
    fields >> device >> directory >> type >> options;
    if (version == 2 ? type == "cgroup2" : type == "cgroup" && has_word(options, kController)) {
      return directory;
    }
  }
  return std::nullopt;
}

// This process's group there: `number:controllers:path`, of version 2 `0::path`.
std::optional<fs::path> own_group(int version) {
  const std::optional<fs::path> mounted = mount_point(version);
  if (!mounted) {
    return std::nullopt;
  }
  std::ifstream groups("/proc/self/cgroup");
  for (std::string line; std::getline(groups, line);) {
    const std::size_t first = line.find(':');
    const std::size_t second = line.find(':', first + 1);
    const std::string controllers = line.substr(first + 1, second - first - 1);
    if (version == 2 ? controllers.empty() : has_word(controllers, kController)) {
      return *mounted / line.substr(second + 1);
    }
  }
  return std::nullopt;
}

// Whether groups below have the controller; a group of version 2 has to say so.
bool passes_controller_on(const fs::path& group, int version) {
  const fs::path passed_on = group / "cgroup.subtree_control";
  return version == 1 || has_word(contents(passed_on), kController) ||
         (has_word(contents(group / "cgroup.controllers"), kController) &&
          put(passed_on, std::string("+") + kController));
}

}  // namespace

Result<std::unique_ptr<ControlGroup>> ControlGroup::of_processes() {
  for (const int version : {2, 1}) {
    const std::optional<fs::path> own = own_group(version);
    if (!own || !passes_controller_on(*own, version)) {
      continue;
    }
    const fs::path directory = *own / fs::unique_path("compiler-gym-test-%%%%-%%%%");
    boost::system::error_code error;
    if (fs::create_directory(directory, error)) {
      return std::unique_ptr<ControlGroup>(new ControlGroup(directory));
    }
  }
  return unavailable("no control group of processes can be made here");
}

ControlGroup::~ControlGroup() {
  allow_more();
  poll_until([this] {
    boost::system::error_code busy;
    fs::remove(directory_, busy);
    return !busy;
  });
}

void ControlGroup::add(pid_t process) const {
  put(directory_ / "cgroup.procs", std::to_string(process));
}

void ControlGroup::forbid_more() const {
  put(directory_ / "pids.max", contents(directory_ / "pids.current"));
}

void ControlGroup::allow_more() const {
  put(directory_ / "pids.max", "max");
}

std::uint64_t ControlGroup::refused() const {
  std::istringstream events(contents(directory_ / "pids.events"));
  std::string event;
  std::uint64_t count = 0;
  events >> event >> count;
  return event == "max" ? count : 0;
}

}  // namespace compiler_gym::testing
