#include "tools/load/latency_histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <functional>
#include <limits>

namespace compiler_gym {
namespace {

// A value's bucket is its leading bit and the kBits bits that follow it. Below 2^kBits each value has
// a bucket of its own.
constexpr int kBits = 7;
constexpr std::uint64_t kBucketsPerPower = 1 << kBits;
constexpr int kLargestPower = 40;  // 2^40 ns are 18 minutes

}  // namespace

std::size_t LatencyHistogram::bucket_of(std::uint64_t nanoseconds) {
  constexpr std::uint64_t kLargest = (std::uint64_t{1} << kLargestPower) - 1;
  const std::uint64_t value = std::min(nanoseconds, kLargest);
  const int shift = std::max(static_cast<int>(std::bit_width(value)) - 1 - kBits, 0);
  return static_cast<std::size_t>(shift) * kBucketsPerPower + (value >> shift);
}

std::uint64_t LatencyHistogram::largest_in(std::size_t bucket) {
  if (bucket < 2 * kBucketsPerPower) {
    return bucket;
  }
  const std::size_t shift = bucket / kBucketsPerPower - 1;
  const std::uint64_t leading = bucket - shift * kBucketsPerPower;
  return ((leading + 1) << shift) - 1;
}

LatencyHistogram::LatencyHistogram()
    : buckets_(bucket_of(std::numeric_limits<std::uint64_t>::max()) + 1) {}

void LatencyHistogram::record(Duration latency) {
  latency = std::max(latency, Duration(0));
  ++buckets_[bucket_of(static_cast<std::uint64_t>(latency.count()))];
  ++count_;
  sum_ += latency;
  min_ = std::min(min_, latency);
  max_ = std::max(max_, latency);
}

void LatencyHistogram::merge(const LatencyHistogram& other) {
  std::transform(buckets_.begin(), buckets_.end(), other.buckets_.begin(), buckets_.begin(),
                 std::plus<>());
  count_ += other.count_;
  sum_ += other.sum_;
  min_ = std::min(min_, other.min_);
  max_ = std::max(max_, other.max_);
}

LatencyHistogram::Duration LatencyHistogram::quantile(double quantile) const {
  if (count_ == 0) {
    return Duration(0);
  }
  const double rank = std::ceil(std::clamp(quantile, 0.0, 1.0) * static_cast<double>(count_));
  std::uint64_t left = std::clamp<std::uint64_t>(static_cast<std::uint64_t>(rank), 1, count_);
  std::size_t bucket = 0;
  while (left > buckets_[bucket]) {
    left -= buckets_[bucket++];
  }
  // The last bucket is open above, and the bucket of the largest value may reach beyond it.
  const bool is_last = bucket + 1 == buckets_.size();
  return is_last ? max_ : std::min(Duration(largest_in(bucket)), max_);
}

LatencyHistogram::Duration LatencyHistogram::mean() const {
  return count_ == 0 ? Duration(0) : sum_ / static_cast<Duration::rep>(count_);
}

}  // namespace compiler_gym
