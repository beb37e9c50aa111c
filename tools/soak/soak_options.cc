#include "tools/soak/soak_options.h"

#include <limits>

#include "tools/support/flag_parser.h"
#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

constexpr const char* kSynopsis =
    "Usage: compiler_gym-soak [flags]\n\n"
    "Puts mixed load on a service for a long time while clients misbehave, processes are killed "
    "and\n"
    "the machine has no more of something (which takes seccomp's notifications, of Linux 5.5), "
    "and\n"
    "checks that nothing the service holds has grown when all is quiet again.";

FlagParser describe() {
  FlagParser flags(kSynopsis);
  flags.add_heading("Flags");
  flags.add("service", "BINARY",
            "service to start (default: compiler_gym-llvm-service beside this program)");
  flags.add("service_argument", "TEXT", "argument for it; may be given several times");
  flags.add("program", "FILE",
            "bitcode to optimise; may be given several times (default: all of ../programs)");
  flags.add("minutes", "N (=1)", "how long load and faults last; fractions are allowed");
  flags.add("sessions", "N (=64)", "sessions at the same time");
  flags.add("fault_milliseconds", "N (=250)", "between one fault and the next");
  flags.add_switch(
      "no_shortages",
      "leave the service its descriptors, processes, memory and disk: one that is built with "
      "a sanitizer needs them for that");
  flags.add("seed", "N (=1)", "of everything that is drawn at random");
  flags.add("svg", "FILE", "where to draw what was held, over time");
  flags.add_switch("help", "print this and exit");
  return flags;
}

}  // namespace

Result<SoakOptions> parse_soak_options(int argc, const char* const* argv,
                                       const boost::filesystem::path& own_directory) {
  FlagParser flags = describe();
  flags.parse(argc, argv);
  SoakOptions options;
  if (flags.has("help")) {
    options.help = flags.help();
    return options;
  }
  options.service = flags.text("service", (own_directory / "compiler_gym-llvm-service").string());
  options.service_arguments = flags.texts("service_argument");
  options.launcher = own_directory / "compiler_gym-soak-launcher";
  options.load_generator = own_directory / "compiler_gym-load";
  double minutes = 1;
  flags.read("minutes", minutes, 0.1, 7.0 * 24 * 60);
  options.duration = std::chrono::seconds(static_cast<std::int64_t>(minutes * 60));
  flags.read("sessions", options.sessions, 1, 10'000);
  int milliseconds = static_cast<int>(options.fault_interval.count());
  flags.read("fault_milliseconds", milliseconds, 1, 3'600'000);
  options.fault_interval = std::chrono::milliseconds(milliseconds);
  options.shortages = !flags.has("no_shortages");
  flags.read("seed", options.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
  options.svg = flags.text("svg");
  if (!flags.status().ok()) {
    return flags.status();
  }
  Result<std::vector<boost::filesystem::path>> programs =
      program_files(flags.texts("program"), own_directory);
  if (!programs) {
    return programs.error();
  }
  options.programs = *std::move(programs);
  return options;
}

}  // namespace compiler_gym
