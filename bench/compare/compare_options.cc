#include "bench/compare/compare_options.h"

#include <algorithm>
#include <utility>

#include "tools/support/flag_parser.h"
#include "tools/support/program_files.h"

namespace compiler_gym {
namespace {

constexpr const char* kSynopsis =
    "Usage: compiler_gym-compare [flags]\n\n"
    "Puts the same load on the service, on a synchronous server (sync) and on a bare completion "
    "queue\n"
    "(bare) that serve the same sessions, in turns, and prints medians and the medians of the "
    "ratios\n"
    "of each round. Rows are named WORK/TRANSPORT/IN FLIGHT.\n\n"
    "  compiler_gym-compare --only 'step/(tcp|unix)/64'\n"
    "  compiler_gym-compare --peer build/peer --only peer-step";

FlagParser describe() {
  FlagParser flags(kSynopsis);
  flags.add_heading("Flags");
  flags.add("only", "REGEX", "the rows in whose name this is found (default: some of each kind)");
  flags.add_switch("all", "all rows; takes more than an hour");
  flags.add_switch("list",
                   "print the names of all rows, those of the default set marked, and exit");
  flags.add("rounds", "N (=7)", "times that every row is measured on every server");
  flags.add("seconds", "N (=1)", "of each measurement; with LLVM, about");
  flags.add("peer", "DIRECTORY",
            "compare with CompilerGym's own LLVM service (peer), which bench/peer/install has put "
            "there, instead of with sync and bare");
  flags.add("baseline", "SERVER (=sync, or peer)",
            "what the others are divided by: sync, sync-apart, bare, peer, ours or ours-inline");
  flags.add("program", "FILE", "bitcode; may be given several times (default: ../programs)");
  flags.add("results", "DIRECTORY",
            "write compare.md, compare.json and compare.svg there; with --peer, peer.md and so on");
  flags.add_switch("help", "print this and exit");
  return flags;
}

std::vector<CompareRow> available_rows(const FlagParser& flags) {
  return flags.has("peer") ? peer_rows() : all_rows();
}

std::string list_rows(const std::vector<CompareRow>& rows) {
  std::string text;
  for (const CompareRow& row : rows) {
    text += (row.by_default() ? "* " : "  ") + row.name() + '\n';
  }
  return text;
}

void read_rows(FlagParser& flags, CompareOptions& compare) {
  if (flags.has("only") && flags.has("all")) {
    flags.fail("flags 'only' and 'all' exclude each other");
  }
  Result<std::vector<CompareRow>> rows =
      select_rows(available_rows(flags), flags.has("all"), flags.text("only"));
  if (rows) {
    compare.rows = *std::move(rows);
  } else {
    flags.fail("flag 'only': " + rows.error().error_message());
  }
}

void read_baseline(FlagParser& flags, CompareOptions& compare) {
  compare.baseline = flags.text("baseline", flags.has("peer") ? "peer" : compare.baseline);
  const auto has_baseline = [&](const CompareRow& row) {
    const std::vector<std::string> servers = row.servers();
    return std::find(servers.begin(), servers.end(), compare.baseline) != servers.end();
  };
  if (!compare.rows.empty() && std::ranges::none_of(compare.rows, has_baseline)) {
    flags.fail("flag 'baseline': no row is measured on a server '" + compare.baseline + "'");
  }
}

}  // namespace

Result<CompareCommand> parse_compare_command(int argc, const char* const* argv,
                                             const boost::filesystem::path& own_directory) {
  FlagParser flags = describe();
  flags.parse(argc, argv);
  CompareCommand command;
  if (flags.has("help") || flags.has("list")) {
    command.print = flags.has("help") ? flags.help() : list_rows(available_rows(flags));
    return command;
  }
  CompareOptions& compare = command.compare;
  read_rows(flags, compare);
  read_baseline(flags, compare);
  flags.read("rounds", compare.rounds, 1, 1000);
  double seconds = 1;
  flags.read("seconds", seconds, 0.01, 3600.0);
  compare.duration = std::chrono::milliseconds(static_cast<std::int64_t>(seconds * 1000));
  compare.binaries = own_directory;
  command.results = flags.text("results");
  if (flags.has("peer") && flags.has("program")) {
    flags.fail("flag 'program' is not for --peer, whose rows have programs of their own");
  }
  if (!flags.status().ok()) {
    return flags.status();
  }
  if (flags.has("peer")) {
    auto peer = find_peer(flags.text("peer"));
    if (!peer) {
      return peer.error();
    }
    compare.peer = *std::move(peer);
    command.results_name = "peer";
    return command;
  }
  const auto uses_programs = [](const CompareRow& row) { return row.compiler() == "llvm"; };
  if (std::ranges::any_of(compare.rows, uses_programs)) {
    auto programs = program_files(flags.texts("program"), own_directory);
    if (!programs) {
      return programs.error();
    }
    compare.programs = *std::move(programs);
  }
  return command;
}

}  // namespace compiler_gym
