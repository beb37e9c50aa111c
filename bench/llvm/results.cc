#include "bench/llvm/results.h"

#include <algorithm>
#include <iostream>

namespace compiler_gym {
namespace {

double median_of(std::vector<double> values) {
  const auto middle = values.begin() + static_cast<std::ptrdiff_t>(values.size() / 2);
  std::nth_element(values.begin(), middle, values.end());
  if (values.size() % 2 == 1) {
    return *middle;
  }
  return (*middle + *std::max_element(values.begin(), middle)) / 2;
}

}  // namespace

Results::Results(TimeKind kind) : ConsoleReporter(OO_Tabular), kind_(kind) {
  SetOutputStream(&std::cerr);
}

void Results::ReportRuns(const std::vector<Run>& runs) {
  ConsoleReporter::ReportRuns(runs);
  std::map<std::string, std::vector<double>> seconds;
  for (const Run& run : runs) {
    if (run.run_type == Run::RT_Iteration && !run.error_occurred && run.iterations > 0) {
      // A time that the benchmark took itself is of the right kind already.
      const bool own_time = run.run_name.time_type == "manual_time";
      const double total = kind_ == TimeKind::kCpu && !own_time ? run.cpu_accumulated_time
                                                                : run.real_accumulated_time;
      // Without the options of the benchmark, which Google Benchmark adds to its name.
      seconds[run.run_name.function_name].push_back(total / static_cast<double>(run.iterations));
    }
  }
  for (auto& [name, values] : seconds) {
    medians_[name] = Seconds(median_of(std::move(values)));
  }
}

std::optional<Seconds> Results::median(const std::string& name) const {
  const auto found = medians_.find(name);
  return found == medians_.end() ? std::nullopt : std::optional(found->second);
}

}  // namespace compiler_gym
