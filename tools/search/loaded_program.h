// A program that the service has, and what is known of it before it is searched.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>

#include "core/support/status.h"
#include "tools/search/command_runner.h"
#include "tools/search/program_commands.h"
#include "tools/search/search_client.h"

namespace compiler_gym {

/// Whether what is found is run, and compared with the program as it was.
enum class ValidateWhen {
  kAuto,  ///< if the program can be run, and does the same each time
  kNever,
  kAlways,  ///< programs that can't are not searched
};

struct LoadedProgram {
  ProgramFile file;
  std::string uri;
  /// The same with commands to build and to run it, for sessions that are validated; empty if it can't be.
  /// Apart, since a service that is told how to build a program builds it for some of its observations.
  std::string runnable_uri{};
  std::int64_t size_oz = 0;  ///< by `clang -Oz -c`
  std::int64_t instructions_oz = 0;

  [[nodiscard]] bool can_validate() const { return !runnable_uri.empty(); }
  [[nodiscard]] std::int64_t baseline(Objective objective) const {
    return objective == Objective::kSize ? size_oz : instructions_oz;
  }
};

/// Compiles the program to bitcode, gives it to the service under this URI, and finds out about it.
/// Errors: whatever keeps it from being searched: it can't be read or compiled, the service refuses it,
///         the service and clang differ about what -Oz makes of it, or it is to be validated and can't.
[[nodiscard]] boost::asio::awaitable<Result<LoadedProgram>> async_load_program(
    SearchClient& client, CommandRunner& commands, ProgramFile file, std::string uri,
    ValidateWhen validate);

}  // namespace compiler_gym
