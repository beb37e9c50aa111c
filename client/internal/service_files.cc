#include "client/internal/service_files.h"

#include <algorithm>
#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/operations.hpp>
#include <charconv>
#include <deque>
#include <fstream>
#include <iterator>
#include <vector>

namespace compiler_gym::internal {
namespace fs = boost::filesystem;

Result<std::optional<std::uint16_t>> read_port_file(const fs::path& path) {
  std::ifstream file(path.string());
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  if (text.empty() || text.back() != '\n') {
    return std::optional<std::uint16_t>();
  }
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size() - 1;
  const auto [stopped, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc() || stopped != end || port == 0) {
    return unavailable("'" + path.string() + "' holds '" + text.substr(0, text.size() - 1) +
                       "' rather than a port");
  }
  return std::optional(port);
}

std::string quote_logs(const fs::path& directory) {
  constexpr std::size_t kLinesPerFile = 25;
  constexpr std::size_t kColumns = 100;

  std::vector<fs::path> files;
  boost::system::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (entry.status().type() == fs::regular_file) {
      files.push_back(entry.path());
    }
  }
  std::sort(files.begin(), files.end());

  std::string quoted;
  for (const fs::path& path : files) {
    std::deque<std::string> tail;
    std::ifstream file(path.string());
    for (std::string line; std::getline(file, line);) {
      tail.push_back(line.substr(0, kColumns));
      if (tail.size() > kLinesPerFile) {
        tail.pop_front();
      }
    }
    if (!tail.empty()) {
      quoted += "\nThe end of its log '" + path.filename().string() + "':";
    }
    for (const std::string& line : tail) {
      quoted += "\n  " + line;
    }
  }
  return quoted;
}

}  // namespace compiler_gym::internal
