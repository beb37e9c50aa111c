// compiler_gym-overload: goodput, and who is still answered, at twice the capacity.
#include <fmt/core.h>

#include <boost/filesystem/operations.hpp>

#include "bench/overload/overload.h"
#include "client/client_loop.h"
#include "core/support/status.h"
#include "tools/support/flag_parser.h"
#include "tools/support/program_files.h"
#include "tools/support/run_tool.h"

namespace compiler_gym {
namespace {

constexpr auto* kName = "compiler_gym-overload";
constexpr int kCouldNotRun = 1;
constexpr int kBadCommandLine = 2;

int run(int argc, char** argv) {
  FlagParser flags(
      "Usage: compiler_gym-overload [flags]\n\n"
      "Offers the LLVM service twice the steps it can do, and says how many it does, and how long\n"
      "GetVersion takes meanwhile.");
  flags.add_heading("Flags");
  flags.add("service", "BINARY", "service to start (default: compiler_gym-llvm-service beside it)");
  flags.add("program", "FILE", "bitcode; may be given several times (default: ../programs)");
  flags.add("rounds", "N (=5)", "rounds, of whose results the medians are shown");
  flags.add("seconds", "N (=4)", "of each measurement in a round");
  flags.add_switch("help", "print this and exit");
  flags.parse(argc, argv);
  if (flags.has("help")) {
    fmt::print("{}", flags.help());
    return 0;
  }
  const auto directory = boost::filesystem::canonical("/proc/self/exe").parent_path();
  OverloadOptions options;
  options.service = flags.text("service", (directory / "compiler_gym-llvm-service").string());
  flags.read("rounds", options.rounds, 1, 1000);
  int seconds = static_cast<int>(options.duration.count());
  flags.read("seconds", seconds, 1, 3600);
  options.duration = std::chrono::seconds(seconds);
  auto programs = program_files(flags.texts("program"), directory);
  if (!flags.status().ok() || !programs) {
    fmt::print(stderr, "{}: {}\n", kName,
               (flags.status().ok() ? programs.error() : flags.status()).error_message());
    return kBadCommandLine;
  }
  options.programs = *std::move(programs);
  ClientLoop loop;
  const auto rounds = loop.run(async_measure_overload(loop.pump(), options));
  if (!rounds) {
    fmt::print(stderr, "{}: {}\n", kName, to_string(rounds.error()));
    return kCouldNotRun;
  }
  fmt::print("{}", to_markdown(*rounds));
  return 0;
}

}  // namespace
}  // namespace compiler_gym

int main(int argc, char** argv) {
  using namespace compiler_gym;
  return run_tool(kName, kCouldNotRun, run, argc, argv);
}
