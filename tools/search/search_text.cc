// The search's report as a table.
#include <fmt/core.h>

#include <algorithm>
#include <string_view>

#include "tools/search/ratio_statistics.h"
#include "tools/search/search_report.h"

namespace compiler_gym {
namespace {

constexpr std::size_t kColumn = 12;

/// Everything that is said of a method, in the order of the columns; the last one is of the best.
std::vector<MethodSummary> summaries_of(const ObjectiveReport& report) {
  std::vector<MethodSummary> summaries;
  for (std::size_t i = 0; i < report.methods.size(); ++i) {
    summaries.push_back(summary_of_method(report, i));
  }
  summaries.push_back(summary_of_best(report));
  return summaries;
}

class Table {
 public:
  Table(const SearchReport& report, const ObjectiveReport& objective)
      : report_(report), objective_(objective), summaries_(summaries_of(objective)) {
    for (const ProgramReport& program : objective.programs) {
      name_width_ = std::max(name_width_, program.program.name.size());
    }
  }

  [[nodiscard]] std::string to_text(bool with_programs) const {
    std::string text = heading();
    for (const ProgramReport& program : objective_.programs) {
      text += with_programs ? row_of(program) : "";
    }
    return text + rows_of_sums() + rows_of_failures();
  }

 private:
  [[nodiscard]] std::string name(std::string_view text) const {
    return fmt::format("{:<{}}", text, name_width_);
  }
  [[nodiscard]] static std::string cell(std::string_view text) {
    return fmt::format("{:>{}}", text, kColumn);
  }
  [[nodiscard]] static std::string cell(std::int64_t number) {
    return fmt::format("{:>{}}", number, kColumn);
  }

  [[nodiscard]] std::string heading() const {
    std::string text = name("program") + cell("clang -Oz");
    for (const MethodKind method : objective_.methods) {
      text += cell(to_string(method));
    }
    return text + cell("best") + cell("ratio") + "\n";
  }

  [[nodiscard]] std::string row_of(const ProgramReport& program) const {
    std::string text = name(program.program.name) + cell(program.baseline);
    for (const MethodResult& method : program.methods) {
      text += cell(method.value);
    }
    const std::int64_t best = program.best().value;
    return text + cell(best) + ratio(best, program.baseline) + "\n";
  }

  [[nodiscard]] static std::string ratio(std::int64_t value, std::int64_t baseline) {
    return cell(fmt::format("{:.4f}", static_cast<double>(value) / static_cast<double>(baseline)));
  }

  [[nodiscard]] std::string rows_of_sums() const {
    std::int64_t baseline = 0;
    for (const ProgramReport& program : objective_.programs) {
      baseline += program.baseline;
    }
    std::string sums = name("all together") + cell(baseline);
    std::string means = name("geometric mean of ratios") + cell("1");
    std::string intervals = name("  its 95% interval") + cell("");
    for (const MethodSummary& summary : summaries_) {
      const GeometricMean mean = geometric_mean(summary.ratios, report_.seed);
      sums += cell(summary.sum);
      means += cell(fmt::format("{:.4f}", mean.mean));
      intervals += cell(fmt::format("{:.3f}-{:.3f}", mean.low, mean.high));
    }
    return sums + ratio(summaries_.back().sum, baseline) + "\n" + means + "\n" + intervals + "\n";
  }

  /// Of what has failed; nothing if nothing has.
  [[nodiscard]] std::string rows_of_failures() const {
    std::string text;
    const auto row = [&](std::string_view what, int FailureCounts::* count) {
      if (summaries_.back().failures.*count == 0) {
        return;
      }
      text += name(what) + cell("");
      for (std::size_t i = 0; i < objective_.methods.size(); ++i) {
        text += cell(std::int64_t{summaries_[i].failures.*count});
      }
      text += "\n";
    };
    row("crashed", &FailureCounts::crashed);
    row("hung", &FailureCounts::hung);
    row("miscompiled", &FailureCounts::miscompiled);
    row("not reproducible", &FailureCounts::not_reproducible);
    return text;
  }

  const SearchReport& report_;
  const ObjectiveReport& objective_;
  const std::vector<MethodSummary> summaries_;
  std::size_t name_width_ = std::string_view("geometric mean of ratios").size();
};

std::string title_of(const SearchReport& report, const ObjectiveReport& objective) {
  const std::string budget = report.steps > 0 ? fmt::format("{} steps", report.steps)
                                              : fmt::format("{} seconds", report.seconds);
  const char* const what = objective.objective == Objective::kSize
                               ? "Bytes of code and constants of the object file"
                               : "Instructions of the IR";
  return fmt::format("{}; {} for each method on each program, seed {}{}\n\n", what, budget,
                     report.seed, report.was_interrupted ? "; INTERRUPTED before its end" : "");
}

std::string what_was_checked(const ObjectiveReport& objective) {
  const auto validated = std::ranges::count_if(objective.programs, &ProgramReport::is_validated);
  const FailureCounts failures = summary_of_best(objective).failures;
  return fmt::format(
      "Each result was replayed, made by its command, and for {} of {} programs run and compared.\n"
      "Failed, and so no result: {} crashed, {} hung, {} miscompiled, {} not "
      "reproducible.\n",
      validated, objective.programs.size(), failures.crashed, failures.hung, failures.miscompiled,
      failures.not_reproducible);
}

std::string commands_of(const ObjectiveReport& objective) {
  std::string text = "\n";
  for (const ProgramReport& program : objective.programs) {
    text += program.best().command + "\n";
  }
  return text;
}

std::string skipped_of(const ObjectiveReport& objective) {
  std::string text;
  for (const SkippedProgram& program : objective.skipped) {
    text += fmt::format("not searched: {}: {}\n", program.path, program.reason);
  }
  return text.empty() ? text : "\n" + text;
}

}  // namespace

std::string to_text(const SearchReport& report) {
  std::string text;
  for (const ObjectiveReport& objective : report.objectives) {
    const bool is_first = &objective == &report.objectives.front();
    text += (is_first ? "" : "\n") + title_of(report, objective);
    if (!objective.programs.empty()) {
      text += Table(report, objective).to_text(is_first) + what_was_checked(objective);
      text += is_first ? commands_of(objective) : "";
    }
    text += skipped_of(objective);
  }
  return text;
}

}  // namespace compiler_gym
