// What a search has found, and what is said of it: a table, JSON, a chart.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tools/search/program_commands.h"
#include "tools/search/search_client.h"
#include "tools/search/search_method.h"
#include "tools/search/sequence_search.h"

namespace compiler_gym {

/// What went wrong, and so is no result.
struct FailureCounts {
  int crashed = 0;           ///< a pass ended the session's process
  int hung = 0;              ///< a step took longer than it may
  int miscompiled = 0;       ///< the program did something else, or could not be built
  int not_reproducible = 0;  ///< a new session, or the command, came to something else

  FailureCounts& operator+=(const FailureCounts& other);
};

/// What was found, and is no result since a check has failed.
struct RefusedSequence {
  std::string pipeline;
  std::int64_t value = 0;
  std::string reason;
};

/// What a method has found for a program. All of it has been checked.
struct MethodResult {
  MethodKind method = MethodKind::kRandom;
  /// Nothing as small as what clang -Oz makes has passed the checks: this is what clang -Oz makes.
  bool is_baseline = false;
  std::int64_t value = 0;
  std::vector<std::string> passes{};  ///< each as `opt -passes=` takes it
  std::string command{};
  int measurements = 0;
  std::vector<Improvement> improvements{};  ///< while searching, before the checks
  FailureCounts failures{};
  std::vector<RefusedSequence> refused{};
};

struct ProgramReport {
  ProgramFile program;
  /// By clang -Oz.
  std::int64_t baseline = 0;
  std::string baseline_command;
  /// It can be run, and so results have been validated.
  bool is_validated = false;
  std::vector<MethodResult> methods{};

  /// The smallest; of equal ones the first. There is a method.
  [[nodiscard]] const MethodResult& best() const;
};

/// A program that was not searched.
struct SkippedProgram {
  std::string path;
  std::string reason;
};

struct ObjectiveReport {
  Objective objective = Objective::kSize;
  std::vector<MethodKind> methods;
  std::vector<ProgramReport> programs{};
  std::vector<SkippedProgram> skipped{};
};

struct SearchReport {
  std::string service_version;
  std::string compiler_version;
  std::uint64_t seed = 0;
  int steps = 0;    ///< the budget; 0: it is in seconds
  int seconds = 0;  ///< the budget; 0: it is in steps
  /// SIGINT or SIGTERM has ended the search before its time.
  bool was_interrupted = false;
  std::vector<ObjectiveReport> objectives{};
};

/// Of a method, over all programs; `kBest` columns are of the best method of each program.
struct MethodSummary {
  std::int64_t sum = 0;
  std::vector<double> ratios;  ///< to the baseline, by program
  FailureCounts failures;
};
/// Of `methods[i]`.
[[nodiscard]] MethodSummary summary_of_method(const ObjectiveReport& report, std::size_t i);
/// Of the best method for each program.
[[nodiscard]] MethodSummary summary_of_best(const ObjectiveReport& report);

/// The tables; the first objective's has a row for each program, and the commands come after it.
[[nodiscard]] std::string to_text(const SearchReport& report);
[[nodiscard]] std::string to_json(const SearchReport& report);
/// The mean ratio of each method by how much it has measured, a chart for each objective.
[[nodiscard]] std::string to_svg(const SearchReport& report);

}  // namespace compiler_gym
