#include "tools/support/program_files.h"

#include <algorithm>
#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/fstream.hpp>
#include <boost/filesystem/operations.hpp>
#include <iterator>

namespace compiler_gym {

namespace fs = boost::filesystem;

Result<std::vector<fs::path>> program_files(const std::vector<std::string>& named,
                                            const fs::path& own_directory) {
  std::vector<fs::path> programs(named.begin(), named.end());
  if (!programs.empty()) {
    return programs;
  }
  const fs::path directory = own_directory.parent_path() / "programs";
  boost::system::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error)) {
    if (entry.path().extension() == ".bc") {
      programs.push_back(entry.path());
    }
  }
  if (programs.empty()) {
    return not_found("there is no bitcode in '" + directory.string() +
                     "'; build the target compiler_gym_programs, or use --program");
  }
  std::sort(programs.begin(), programs.end());
  return programs;
}

Result<std::string> read_file(const fs::path& path) {
  boost::system::error_code error;
  fs::ifstream file(path, std::ios::binary);
  if (!file || fs::is_directory(path, error)) {
    return not_found("cannot read '" + path.string() + "'");
  }
  return std::string{std::istreambuf_iterator<char>(file), {}};
}

grpc::Status write_file(const fs::path& path, const std::string& contents) {
  fs::ofstream file(path, std::ios::binary);
  file << contents;
  file.close();
  return file ? grpc::Status::OK : unavailable("cannot write '" + path.string() + "'");
}

}  // namespace compiler_gym
