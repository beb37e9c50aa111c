// Directories that programs may be read from.
#pragma once

#include <boost/filesystem/path.hpp>
#include <string>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

/// The directories in which benchmarks that are named by a path may lie. None: anywhere.
/// Threads: immutable.
class BenchmarkRoots {
 public:
  BenchmarkRoots() = default;

  /// Follows the directories' symbolic links, now. INVALID_ARGUMENT if one is not a directory.
  [[nodiscard]] static Result<BenchmarkRoots> resolve(
      const std::vector<boost::filesystem::path>& directories);

  [[nodiscard]] bool anywhere() const { return roots_.empty(); }

  /// Whether a file of that path may be read; the path is absolute and has no symbolic links in it,
  /// no `.` and no `..`.
  [[nodiscard]] bool contain(const boost::filesystem::path& real_path) const;

  /// Without symbolic links.
  [[nodiscard]] std::vector<std::string> directories() const;

  /// `/data, /home/user/programs`, for messages.
  [[nodiscard]] std::string to_string() const;

 private:
  std::vector<boost::filesystem::path> roots_;  // resolved
};

}  // namespace compiler_gym
