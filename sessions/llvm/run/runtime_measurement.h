// How long a program runs, and how sure that is.
#pragma once

#include <chrono>
#include <cstddef>
#include <optional>
#include <vector>

#include "core/posix/child_process.h"

namespace compiler_gym {

/// One run of a program.
struct MeasuredRun {
  std::chrono::nanoseconds elapsed{};
  std::chrono::nanoseconds processor_time{};
  std::optional<EventCounts> events{};
};

/// When a program has been run often enough.
struct MeasurementEffort {
  int warmups = 1;  ///< runs before those that count
  int min_runs = 10;
  std::chrono::milliseconds min_time{1000};      ///< of all the runs that count
  static constexpr std::size_t kMaxRuns = 1000;  ///< unless more are wanted

  [[nodiscard]] bool is_enough(std::size_t runs, std::chrono::nanoseconds time) const {
    return runs >= static_cast<std::size_t>(min_runs) && (time >= min_time || runs >= kMaxRuns);
  }
};

/// Of values of which nothing is known but that each is drawn as the others are. Outliers, of which run
/// times have many to one side, move none of it far.
struct MedianEstimate {
  double median = 0;
  /// Two of the values: the median of all that could have been drawn lies between them, with a
  /// probability of `confidence`, which is 0.95 or more where there are six values or more.
  double low = 0;
  double high = 0;
  double confidence = 0;
  /// How far the middle half of the values reaches, as a share of the median.
  double spread = 0;
};

/// Of one value or more.
/// Source: the binomial interval of order statistics, see H. A. David and H. N. Nagaraja, Order
///         Statistics, 7.1.
[[nodiscard]] MedianEstimate estimate_median(std::vector<double> values);

}  // namespace compiler_gym
