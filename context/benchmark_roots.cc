#include "context/benchmark_roots.h"

#include <algorithm>
#include <boost/filesystem/operations.hpp>

namespace compiler_gym {

namespace fs = boost::filesystem;

Result<BenchmarkRoots> BenchmarkRoots::resolve(const std::vector<fs::path>& directories) {
  BenchmarkRoots roots;
  for (const fs::path& directory : directories) {
    boost::system::error_code error;
    if (!fs::is_directory(directory, error) && !error) {
      error = make_error_code(boost::system::errc::not_a_directory);
    }
    fs::path real_path;
    if (!error) {
      // With a dot, so that it ends in a name whether or not it was written with a slash.
      real_path = fs::canonical(directory / ".", error);
    }
    if (error) {
      return invalid_argument("'" + directory.string() +
                              "' is no directory that can be read: " + error.message());
    }
    roots.roots_.push_back(std::move(real_path));
  }
  return roots;
}

bool BenchmarkRoots::contain(const fs::path& real_path) const {
  return anywhere() || std::ranges::any_of(roots_, [&](const fs::path& root) {
           return std::mismatch(root.begin(), root.end(), real_path.begin(), real_path.end())
                      .first == root.end();
         });
}

std::vector<std::string> BenchmarkRoots::directories() const {
  std::vector<std::string> directories;
  for (const fs::path& root : roots_) {
    directories.push_back(root.string());
  }
  return directories;
}

std::string BenchmarkRoots::to_string() const {
  std::string text;
  for (const fs::path& root : roots_) {
    text += (text.empty() ? "" : ", ") + root.string();
  }
  return text;
}

}  // namespace compiler_gym
