#include "tools/load/poisson_arrivals.h"

#include <cmath>

namespace compiler_gym {

std::chrono::nanoseconds PoissonArrivals::next() {
  // By inversion, rather than by std::exponential_distribution, which differs between libraries.
  constexpr double kTwoTo53 = 9007199254740992.0;
  const double uniform = static_cast<double>(random_() >> 11) / kTwoTo53;  // in [0, 1)
  seconds_ -= std::log1p(-uniform) / rate_;
  return std::chrono::nanoseconds(static_cast<std::int64_t>(seconds_ * 1e9));
}

}  // namespace compiler_gym
