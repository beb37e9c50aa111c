// When requests arrive that know nothing of each other.
#pragma once

#include <chrono>
#include <cstdint>
#include <random>

namespace compiler_gym {

/// A Poisson process: independent, exponentially distributed gaps. The same rate and seed give the same
/// times on every machine.
class PoissonArrivals {
 public:
  /// `rate`: arrivals per second, on average; above zero.
  PoissonArrivals(double rate, std::uint64_t seed) : rate_(rate), random_(seed) {}

  /// The next arrival, counted from the start of the process. Never earlier than the one before.
  std::chrono::nanoseconds next();

 private:
  double rate_;
  std::mt19937_64 random_;
  double seconds_ = 0.0;
};

}  // namespace compiler_gym
