#include "tools/demo/demo_options.h"

#include <limits>

#include "tools/support/flag_parser.h"
#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

constexpr const char* kSynopsis =
    "Usage: compiler_gym-demo [flags]\n\n"
    "Starts the LLVM service and lets many sessions at once search sequences of optimisation "
    "passes\n"
    "that make programs smaller than -Oz does.";

FlagParser describe() {
  FlagParser flags(kSynopsis);
  flags.add_heading("Flags");
  flags.add("service", "BINARY",
            "service to start (default: compiler_gym-llvm-service beside this program)");
  flags.add("program", "FILE",
            "bitcode to optimise; may be given several times (default: all of ../programs)");
  flags.add("sessions", "N (=64)", "sessions that search at the same time");
  flags.add("seconds", "N (=20)", "how long to take");
  flags.add("seed", "N (=1)", "of everything that is drawn at random");
  flags.add_switch("help", "print this and exit");
  return flags;
}

}  // namespace

Result<DemoOptions> parse_demo_options(int argc, const char* const* argv,
                                       const fs::path& own_directory) {
  FlagParser flags = describe();
  flags.parse(argc, argv);
  DemoOptions options;
  if (flags.has("help")) {
    options.help = flags.help();
    return options;
  }
  options.service = flags.text("service", (own_directory / "compiler_gym-llvm-service").string());
  int seconds = static_cast<int>(options.duration.count());
  flags.read("seconds", seconds, 2, 86'400);
  options.duration = std::chrono::seconds(seconds);
  flags.read("sessions", options.sessions, 1, 10'000);
  flags.read("seed", options.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
  if (!flags.status().ok()) {
    return flags.status();
  }
  Result<std::vector<fs::path>> programs = program_files(flags.texts("program"), own_directory);
  if (!programs) {
    return programs.error();
  }
  options.programs = *std::move(programs);
  return options;
}

}  // namespace compiler_gym
