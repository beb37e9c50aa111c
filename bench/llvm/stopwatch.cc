#include "bench/llvm/stopwatch.h"

#include <sys/resource.h>

namespace compiler_gym {
namespace {

Seconds cpu_time(int who) {
  rusage usage{};
  getrusage(who, &usage);
  const auto seconds = [](const timeval& time) {
    return std::chrono::seconds(time.tv_sec) + std::chrono::microseconds(time.tv_usec);
  };
  return seconds(usage.ru_utime) + seconds(usage.ru_stime);
}

}  // namespace

Seconds now(TimeKind kind) {
  if (kind == TimeKind::kElapsed) {
    return std::chrono::steady_clock::now().time_since_epoch();
  }
  return cpu_time(RUSAGE_THREAD) + cpu_time(RUSAGE_CHILDREN);
}

}  // namespace compiler_gym
