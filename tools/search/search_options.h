// The search's command line.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/support/status.h"
#include "tools/search/loaded_program.h"
#include "tools/search/program_commands.h"
#include "tools/search/search_client.h"
#include "tools/search/search_method.h"

namespace compiler_gym {

struct SearchOptions {
  /// The LLVM service's binary.
  boost::filesystem::path service;
  std::vector<ProgramFile> programs;
  std::vector<MethodKind> methods{kAllMethods.begin(), kAllMethods.end()};
  std::vector<Objective> objectives{Objective::kSize};
  /// Of each search of a method on a program; 0: the budget is in seconds.
  int steps = 200;
  std::chrono::seconds duration{0};
  std::uint64_t seed = 1;
  /// Searches at the same time, each with a session that compiles.
  int sessions = 2;
  ValidateWhen validate = ValidateWhen::kAuto;
  /// What takes longer hangs.
  std::chrono::seconds step_timeout{20};
  boost::filesystem::path json;
  boost::filesystem::path svg;
  /// Not to run, but to print this text.
  std::string help;
};

/// `own_directory`: of the tool's binary, beside which the service is looked for unless it is named.
/// `programs`: the folder whose programs are searched if none are named.
/// Errors: INVALID_ARGUMENT that names the flag; NOT_FOUND if there are no programs.
[[nodiscard]] Result<SearchOptions> parse_search_options(
    int argc, const char* const* argv, const boost::filesystem::path& own_directory,
    const boost::filesystem::path& programs);

}  // namespace compiler_gym
