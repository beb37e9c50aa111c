// The three forms in which a comparison is given.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include "bench/compare/measurement.h"

namespace compiler_gym {

/// Under which circumstances it was made.
struct CompareSetting {
  int rounds = 0;
  std::chrono::milliseconds duration{0};
  std::string baseline;
  unsigned processors = 0;
  double load_before = 0;  ///< the system's, of the last minute
  double load_after = 0;   ///< likewise; this comparison is in it
};

/// A table of medians and ratios to read, and what failed.
[[nodiscard]] std::string to_markdown(const CompareSetting& setting,
                                      const std::vector<RowResult>& rows);

/// One JSON object with every round.
[[nodiscard]] std::string to_json(const CompareSetting& setting,
                                  const std::vector<RowResult>& rows);

/// For each work and transport the median rate and CPU time, over the operations in flight.
[[nodiscard]] std::string to_svg(const std::vector<RowResult>& rows);

}  // namespace compiler_gym
