// What the benchmarks of one run took.
#pragma once

#include <benchmark/benchmark.h>

#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/llvm/stopwatch.h"

namespace compiler_gym {

/// Passes on what Google Benchmark reports as it does by default, but to stderr, and keeps the
/// medians of the repetitions.
class Results final : public benchmark::ConsoleReporter {
 public:
  explicit Results(TimeKind kind);

  void ReportRuns(const std::vector<Run>& runs) override;

  /// Per iteration; none if there was no such benchmark, or it failed.
  [[nodiscard]] std::optional<Seconds> median(const std::string& name) const;

 private:
  const TimeKind kind_;
  std::map<std::string, Seconds> medians_;
};

}  // namespace compiler_gym
