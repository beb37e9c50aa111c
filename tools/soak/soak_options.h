// The command line of compiler_gym-soak.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

struct SoakOptions {
  boost::filesystem::path service;
  std::vector<std::string> service_arguments;
  /// compiler_gym-soak-launcher, which becomes the service.
  boost::filesystem::path launcher;
  /// compiler_gym-load, as the client process that is killed.
  boost::filesystem::path load_generator;
  std::vector<boost::filesystem::path> programs;
  int sessions = 64;
  /// Of load with faults; a tenth of it, at least ten seconds, goes before without measuring.
  std::chrono::seconds duration{60};
  std::chrono::milliseconds fault_interval{250};
  /// Whether the machine is short of something now and then.
  bool shortages = true;
  std::uint64_t seed = 1;
  /// Where the plot goes; none if empty.
  boost::filesystem::path svg;
  /// Not to run, but to print this text.
  std::string help;
};

/// `own_directory`: where the binaries are looked for, and beside it the programs.
/// Errors: INVALID_ARGUMENT that names the flag, the value and what is allowed; NOT_FOUND if there is no
///         program.
[[nodiscard]] Result<SoakOptions> parse_soak_options(int argc, const char* const* argv,
                                                     const boost::filesystem::path& own_directory);

}  // namespace compiler_gym
