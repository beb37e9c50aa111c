// The demo's command line.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

struct DemoOptions {
  /// The LLVM service's binary.
  boost::filesystem::path service;
  /// Bitcode files.
  std::vector<boost::filesystem::path> programs;
  int sessions = 64;
  /// For everything but the service's start and end, roughly.
  std::chrono::seconds duration{20};
  std::uint64_t seed = 1;
  /// Not to run, but to print this text.
  std::string help;
};

/// `own_directory`: of the demo's binary, beside which service and programs are looked for unless they
/// are named. Errors: INVALID_ARGUMENT that names the flag; NOT_FOUND if there are no programs.
[[nodiscard]] Result<DemoOptions> parse_demo_options(int argc, const char* const* argv,
                                                     const boost::filesystem::path& own_directory);

}  // namespace compiler_gym
