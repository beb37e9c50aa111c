#include "tools/fuzz/fuzz_options.h"

#include <limits>

#include "tools/support/flag_parser.h"

namespace compiler_gym::fuzz {
namespace {

constexpr const char* kSynopsis =
    "Usage: compiler_gym-fuzz --service BINARY --program FILE... [flags]\n\n"
    "Sends a service random sequences of requests, on good programs and on damaged ones, and "
    "checks\n"
    "every answer. A sequence that goes wrong is written to a file that --replay runs again.";

FlagParser describe() {
  FlagParser flags(kSynopsis);
  flags.add_heading("Flags");
  flags.add("service", "BINARY", "service to start");
  flags.add("service_argument", "TEXT", "argument for it; may be given several times");
  flags.add("program", "FILE", "bitcode to start sessions on; may be given several times");
  flags.add("foreign", "FILE",
            "bitcode of other versions of LLVM, or odd; may be given several times");
  flags.add("seed", "N (=1)", "of the first sequence; the next one has the next seed");
  flags.add("seconds", "N (=10)", "begin no sequence after so long");
  flags.add("sequences", "N", "run so many (and no longer than --seconds, if given)");
  flags.add("replay", "FILE", "run the sequence in this file, once");
  flags.add("reproducers", "DIRECTORY (=.)", "where sequences that go wrong are written");
  flags.add_switch("help", "print this and exit");
  return flags;
}

}  // namespace

Result<FuzzOptions> parse_fuzz_options(int argc, const char* const* argv) {
  FlagParser flags = describe();
  flags.parse(argc, argv);
  FuzzOptions options;
  if (flags.has("help")) {
    options.help = flags.help();
    return options;
  }
  options.service = flags.text("service");
  options.service_arguments = flags.texts("service_argument");
  for (const std::string& program : flags.texts("program")) {
    options.programs.emplace_back(program);
  }
  for (const std::string& program : flags.texts("foreign")) {
    options.foreign.emplace_back(program);
  }
  if (!flags.has("service") || !flags.has("program")) {
    flags.fail("the flags 'service' and 'program' are needed");
  }
  flags.read("seed", options.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
  int seconds = 10;
  flags.read("seconds", seconds, 1, 7 * 86'400);
  std::uint64_t sequences = 0;
  flags.read("sequences", sequences, std::uint64_t{1}, std::uint64_t{1'000'000'000});
  if (flags.has("sequences")) {
    options.sequences = sequences;
  }
  if (flags.has("seconds") || !flags.has("sequences")) {
    options.duration = std::chrono::seconds(seconds);
  }
  options.replay = flags.text("replay");
  options.reproducers = flags.text("reproducers", ".");
  if (!flags.status().ok()) {
    return flags.status();
  }
  return options;
}

}  // namespace compiler_gym::fuzz
