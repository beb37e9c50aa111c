#include "core/posix/descriptor_reserve.h"

#include <fmt/core.h>
#include <sys/resource.h>

#include <algorithm>
#include <limits>

namespace compiler_gym {
namespace {

std::size_t soft_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY) {
    return std::numeric_limits<int>::max();
  }
  return static_cast<std::size_t>(limit.rlim_cur);
}

}  // namespace

DescriptorReserve::DescriptorReserve(std::size_t reserved)
    : limit_(soft_limit()), usable_(limit_ - std::min(reserved, limit_ / 2)) {}

grpc::Status DescriptorReserve::exhausted(const char* what) const {
  return resource_exhausted(
      fmt::format("No file descriptor is left for {}: {} of {} may be in use (ulimit -n)", what,
                  usable_, limit_));
}

}  // namespace compiler_gym
