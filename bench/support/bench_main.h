// What the programs have in common that start a service, measure it, and print a table.
#pragma once

#include <fmt/core.h>

#include <boost/filesystem/operations.hpp>
#include <boost/filesystem/path.hpp>

#include "client/client_loop.h"
#include "core/support/status.h"
#include "tools/support/flag_parser.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {

inline constexpr int kBenchCouldNotRun = 1;
inline constexpr int kBenchBadCommandLine = 2;

/// Parses the command line, to whose flags `--help` is added, and does what it says; the program's exit
/// status. `read(directory)` reads the flags, and returns what is wrong beyond what the parser knows;
/// `directory` is that of this program, where services are. `measure(loop)` measures and prints. Errors
/// go to stderr, after the program's name.
template <typename Read, typename Measure>
int run_bench(const char* name, FlagParser& flags, int argc, char** argv, Read read,
              Measure measure) {
  flags.add_switch("help", "print this and exit");
  flags.parse(argc, argv);
  if (flags.has("help")) {
    fmt::print("{}", flags.help());
    return 0;
  }
  const boost::filesystem::path directory =
      boost::filesystem::canonical("/proc/self/exe").parent_path();
  const grpc::Status read_status = read(directory);
  const grpc::Status& wrong = flags.status().ok() ? read_status : flags.status();
  if (!wrong.ok()) {
    fmt::print(stderr, "{}: {}\n", name, wrong.error_message());
    return kBenchBadCommandLine;
  }
  ClientLoop loop;
  if (const grpc::Status status = measure(loop); !status.ok()) {
    fmt::print(stderr, "{}: {}\n", name, to_string(status));
    return kBenchCouldNotRun;
  }
  return 0;
}

}  // namespace compiler_gym
