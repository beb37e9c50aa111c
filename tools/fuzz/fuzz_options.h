// The command line of compiler_gym-fuzz.
#pragma once

#include <boost/filesystem/path.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/support/status.h"

namespace compiler_gym::fuzz {

struct FuzzOptions {
  boost::filesystem::path service;
  std::vector<std::string> service_arguments;
  /// What sessions start on, and what is tampered with.
  std::vector<boost::filesystem::path> programs;
  /// Bitcode of which nobody knows what it does, for some of the sessions.
  std::vector<boost::filesystem::path> foreign;
  /// Sequence i is the first one of seed + i.
  std::uint64_t seed = 1;
  /// No new sequence begins after either; one at least is set.
  std::optional<std::chrono::seconds> duration;
  std::optional<std::uint64_t> sequences;
  /// A reproducer to run instead, once.
  boost::filesystem::path replay;
  /// Where reproducers are written.
  boost::filesystem::path reproducers = ".";
  /// Not to run, but to print this text.
  std::string help;
};

/// Errors: INVALID_ARGUMENT that names the flag, the value and what is allowed.
[[nodiscard]] Result<FuzzOptions> parse_fuzz_options(int argc, const char* const* argv);

}  // namespace compiler_gym::fuzz
