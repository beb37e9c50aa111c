#include "bench/tool/program_files.h"

#include <algorithm>
#include <boost/filesystem/directory.hpp>

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

}  // namespace compiler_gym
