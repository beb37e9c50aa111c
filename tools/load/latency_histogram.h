// Latencies counted in buckets whose width grows with the value.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <vector>

namespace compiler_gym {

/// Every power of two is divided into 128 buckets of equal width, so that a quantile is at most 1/128
/// (0.8 %) above the value recorded, at any scale, in a fixed 35 kB. Values from 18 minutes on share
/// the last bucket; the least, the largest and the mean are exact.
/// Threads: none of its own; one user at a time.
/// Source:  the idea is HdrHistogram's (Gil Tene, hdrhistogram.org).
class LatencyHistogram {
 public:
  using Duration = std::chrono::nanoseconds;

  LatencyHistogram();

  /// Negative values count as zero.
  void record(Duration latency);
  void merge(const LatencyHistogram& other);

  [[nodiscard]] std::uint64_t count() const { return count_; }
  /// The value that a fraction `quantile` (0 to 1) of what was recorded does not exceed. 0 if nothing
  /// was recorded, as in the three below.
  [[nodiscard]] Duration quantile(double quantile) const;
  [[nodiscard]] Duration min() const { return count_ == 0 ? Duration(0) : min_; }
  [[nodiscard]] Duration max() const { return max_; }
  [[nodiscard]] Duration mean() const;

 private:
  [[nodiscard]] static std::size_t bucket_of(std::uint64_t nanoseconds);
  [[nodiscard]] static std::uint64_t largest_in(std::size_t bucket);

  std::vector<std::uint64_t> buckets_;
  std::uint64_t count_ = 0;
  Duration sum_{0};
  Duration min_ = Duration::max();
  Duration max_{0};
};

/// The same, with a fraction.
[[nodiscard]] inline double microseconds(LatencyHistogram::Duration time) {
  return std::chrono::duration<double, std::micro>(time).count();
}

}  // namespace compiler_gym
