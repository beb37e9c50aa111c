#include "tools/search/search_options.h"

#include <algorithm>
#include <boost/filesystem/directory.hpp>
#include <boost/filesystem/operations.hpp>
#include <limits>
#include <set>
#include <sstream>
#include <thread>

#include "tools/support/flag_parser.h"

namespace compiler_gym {
namespace {

namespace fs = boost::filesystem;

constexpr const char* kSynopsis =
    "Usage: compiler_gym-search [flags]\n\n"
    "Searches, for each of some programs, for the passes after which clang -Oz's code generator "
    "makes\n"
    "the smallest object file, with several methods under the same budget, from nothing and from\n"
    "default<Oz>. Whatever it prints has been checked: by replay, by running the command that "
    "makes it,\n"
    "and, of programs that can be run, by comparing what they do.\n\n"
    "Exit status: 0: all that was printed was checked; 1: it could not run; 2: a wrong command "
    "line;\n"
    "3: none of the programs could be searched.";

FlagParser describe() {
  FlagParser flags(kSynopsis);
  flags.add_heading("What to search");
  flags.add(
      "program", "PATH",
      "C source, bitcode, or a folder of either; may be given several times (default: the folder "
      "programs of this project)");
  flags.add("cflags", "FLAGS", "of clang's, for the programs in C");
  flags.add(
      "objective", "WHAT",
      "size: bytes of the object file, the default; instructions: of the IR; may be given several "
      "times");
  flags.add_heading("How to search");
  flags.add("methods", "LIST (=random,greedy,genetic,local)", "methods, separated by commas");
  flags.add("steps", "N (=200)", "sequences that each method may measure on each program");
  flags.add("seconds", "N", "a budget of time instead, with which results differ from run to run");
  flags.add("seed", "N (=1)", "of everything that is drawn at random");
  flags.add("sessions", "N", "searches at the same time (default: one per processor)");
  flags.add("service", "BINARY",
            "service to start (default: compiler_gym-llvm-service beside this program)");
  flags.add("step_timeout", "SECONDS (=20)", "what takes longer hangs, and is given up");
  flags.add(
      "validate", "WHEN (=auto)",
      "auto: run what was found of programs that can be run; always: skip those that can't; never");
  flags.add_heading("What to make of it");
  flags.add("json", "FILE", "write everything there as well");
  flags.add("svg", "FILE", "write a chart of the methods there");
  flags.add_switch("help", "print this and exit");
  return flags;
}

// As a user in this directory would spell it, so that commands can be repeated elsewhere.
std::string spelling_of(const fs::path& path) {
  boost::system::error_code error;
  const fs::path relative = fs::relative(path, fs::current_path(), error);
  const bool is_below = !error && !relative.empty() && *relative.begin() != "..";
  return (is_below ? relative : path).string();
}

bool is_program(const fs::path& path) {
  return path.extension() == ".c" || path.extension() == ".bc";
}

/// The programs in a folder, or the file.
std::vector<fs::path> files_of(const fs::path& path) {
  boost::system::error_code error;
  if (!fs::is_directory(path, error)) {
    return {path};
  }
  std::vector<fs::path> files;
  for (const fs::directory_entry& entry : fs::directory_iterator(path, error)) {
    if (is_program(entry.path())) {
      files.push_back(entry.path());
    }
  }
  std::ranges::sort(files);
  return files;
}

Result<std::vector<ProgramFile>> find_programs(const std::vector<std::string>& named,
                                               const std::string& cflags) {
  std::vector<ProgramFile> programs;
  std::set<std::string> names;
  for (const std::string& path : named) {
    const std::vector<fs::path> files = files_of(path);
    if (files.empty()) {
      return not_found("there is neither C nor bitcode in '" + path + "'");
    }
    for (const fs::path& file : files) {
      if (!is_program(file)) {
        return invalid_argument("flag 'program': '" + file.string() +
                                "' ends neither in .c nor in .bc, and is no folder");
      }
      ProgramFile program{.name = file.stem().string(),
                          .path = spelling_of(file),
                          .is_source = file.extension() == ".c",
                          .cflags = cflags};
      // The table and the files that the commands make are named so.
      for (int other = 2; !names.insert(program.name).second; ++other) {
        program.name = file.stem().string() + "-" + std::to_string(other);
      }
      programs.push_back(std::move(program));
    }
  }
  return programs;
}

std::vector<std::string> between_commas(const std::string& list) {
  std::vector<std::string> names;
  std::istringstream in(list);
  for (std::string name; std::getline(in, name, ',');) {
    names.push_back(name);
  }
  return names;
}

/// What the names mean by `find`, each once, in place of the values that there are if the flag is given.
/// `wrong` is what a name is that means nothing.
template <typename Value>
void read_names(FlagParser& flags, const char* flag, const std::vector<std::string>& names,
                std::optional<Value> (*find)(std::string_view), const char* wrong,
                std::vector<Value>& values) {
  if (!flags.has(flag)) {
    return;
  }
  values.clear();
  for (const std::string& name : names) {
    const std::optional<Value> value = find(name);
    if (!value) {
      flags.fail("flag '" + std::string(flag) + "': '" + name + "' is " + wrong);
      return;
    }
    if (std::ranges::find(values, *value) == values.end()) {
      values.push_back(*value);
    }
  }
}

void read_validate(FlagParser& flags, ValidateWhen& validate) {
  const std::string when = flags.text("validate", "auto");
  if (when != "auto" && when != "always" && when != "never") {
    flags.fail("flag 'validate': '" + when + "' is none of auto, always and never");
  }
  validate = when == "auto"     ? ValidateWhen::kAuto
             : when == "always" ? ValidateWhen::kAlways
                                : ValidateWhen::kNever;
}

void read_budget(FlagParser& flags, SearchOptions& options) {
  if (flags.has("steps") && flags.has("seconds")) {
    flags.fail("flags 'steps' and 'seconds': a budget is one of them");
  }
  flags.read("steps", options.steps, 1, 1'000'000);
  if (flags.has("seconds")) {
    int seconds = 0;
    flags.read("seconds", seconds, 1, 86'400);
    options.duration = std::chrono::seconds(seconds);
    options.steps = 0;
  }
}

}  // namespace

Result<SearchOptions> parse_search_options(int argc, const char* const* argv,
                                           const fs::path& own_directory,
                                           const fs::path& programs) {
  FlagParser flags = describe();
  flags.parse(argc, argv);
  SearchOptions options;
  if (flags.has("help")) {
    options.help = flags.help();
    return options;
  }
  options.service = flags.text("service", (own_directory / "compiler_gym-llvm-service").string());
  options.json = flags.text("json");
  options.svg = flags.text("svg");
  options.sessions = static_cast<int>(std::max(1U, std::thread::hardware_concurrency()));
  flags.read("sessions", options.sessions, 1, 1'000);
  flags.read("seed", options.seed, std::uint64_t{0}, std::numeric_limits<std::uint64_t>::max());
  int step_timeout = static_cast<int>(options.step_timeout.count());
  flags.read("step_timeout", step_timeout, 1, 3'600);
  options.step_timeout = std::chrono::seconds(step_timeout);
  read_names(flags, "methods", between_commas(flags.text("methods")), find_method,
             "none of random, greedy, genetic and local", options.methods);
  read_names(flags, "objective", flags.texts("objective"), find_objective,
             "neither size nor instructions", options.objectives);
  read_validate(flags, options.validate);
  read_budget(flags, options);
  if (!flags.status().ok()) {
    return flags.status();
  }
  std::vector<std::string> named = flags.texts("program");
  if (named.empty()) {
    named.push_back(programs.string());
  }
  Result<std::vector<ProgramFile>> found = find_programs(named, flags.text("cflags"));
  if (!found) {
    return found.error();
  }
  options.programs = *std::move(found);
  return options;
}

}  // namespace compiler_gym
