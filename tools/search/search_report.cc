#include "tools/search/search_report.h"

#include <algorithm>
#include <cassert>

#include "tools/support/svg_chart.h"

namespace compiler_gym {
namespace {

/// The best value after so many measurements, as a ratio to the baseline. What every method starts from
/// has been measured by then, unless it failed: then the baseline is what there is.
double ratio_after(const MethodResult& result, std::int64_t baseline, int measurements) {
  std::int64_t value = baseline;
  for (const Improvement& improvement : result.improvements) {
    if (improvement.measurements <= measurements) {
      value = improvement.value;
    }
  }
  return static_cast<double>(value) / static_cast<double>(baseline);
}

ChartSeries series_of(const ObjectiveReport& report, std::size_t method) {
  int most = 0;
  for (const ProgramReport& program : report.programs) {
    most = std::max(most, program.methods[method].measurements);
  }
  ChartSeries series;
  series.name = to_string(report.methods[method]);
  // Both starts have been measured then. One point in so many is enough for a chart.
  constexpr int kFirst = 2;
  constexpr int kPoints = 100;
  for (int at = kFirst; at <= most; at += std::max(1, most / kPoints)) {
    double sum = 0;
    for (const ProgramReport& program : report.programs) {
      sum += ratio_after(program.methods[method], program.baseline, at);
    }
    series.points.push_back(
        {static_cast<double>(at), 100 * sum / static_cast<double>(report.programs.size())});
  }
  return series;
}

void add(MethodSummary& summary, const MethodResult& result, std::int64_t baseline) {
  summary.sum += result.value;
  summary.ratios.push_back(static_cast<double>(result.value) / static_cast<double>(baseline));
}

}  // namespace

FailureCounts& FailureCounts::operator+=(const FailureCounts& other) {
  crashed += other.crashed;
  hung += other.hung;
  miscompiled += other.miscompiled;
  not_reproducible += other.not_reproducible;
  return *this;
}

const MethodResult& ProgramReport::best() const {
  assert(!methods.empty() && "a program without a result");
  return *std::ranges::min_element(methods, {}, &MethodResult::value);
}

MethodSummary summary_of_method(const ObjectiveReport& report, std::size_t i) {
  MethodSummary summary;
  for (const ProgramReport& program : report.programs) {
    add(summary, program.methods[i], program.baseline);
    summary.failures += program.methods[i].failures;
  }
  return summary;
}

MethodSummary summary_of_best(const ObjectiveReport& report) {
  MethodSummary summary;
  for (const ProgramReport& program : report.programs) {
    add(summary, program.best(), program.baseline);
    for (const MethodResult& method : program.methods) {
      summary.failures += method.failures;
    }
  }
  return summary;
}

std::string to_svg(const SearchReport& report) {
  std::vector<Chart> charts;
  for (const ObjectiveReport& objective : report.objectives) {
    Chart& chart = charts.emplace_back();
    chart.title = std::string(to_string(objective.objective)) + " in percent of clang -Oz";
    chart.x_label = "sequences measured, by each method on each program";
    chart.y_label = "%";
    if (objective.programs.empty()) {
      continue;
    }
    for (std::size_t method = 0; method < objective.methods.size(); ++method) {
      chart.series.push_back(series_of(objective, method));
    }
  }
  return render_svg(charts);
}

}  // namespace compiler_gym
