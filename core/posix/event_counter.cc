#include "core/posix/event_counter.h"

#include <linux/perf_event.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cmath>
#include <cstring>

namespace compiler_gym {

Result<EventCounter> EventCounter::open(std::uint32_t type, std::uint64_t config) {
  perf_event_attr attributes{};
  attributes.size = sizeof attributes;
  attributes.type = type;
  attributes.config = config;
  attributes.read_format = PERF_FORMAT_TOTAL_TIME_ENABLED | PERF_FORMAT_TOTAL_TIME_RUNNING;
  attributes.disabled = 1;
  attributes.enable_on_exec = 1;
  attributes.inherit = 1;
  attributes.exclude_kernel = 1;  // which needs no privilege
  attributes.exclude_hv = 1;
  FileDescriptor counter(
      static_cast<int>(syscall(SYS_perf_event_open, &attributes, 0, -1, -1, PERF_FLAG_FD_CLOEXEC)));
  if (!counter) {
    return unavailable(std::strerror(errno));
  }
  return EventCounter(std::move(counter));
}

Result<EventCounter> EventCounter::of_instructions() {
  return open(PERF_TYPE_HARDWARE, PERF_COUNT_HW_INSTRUCTIONS);
}

Result<EventCounter> EventCounter::of_cycles() {
  return open(PERF_TYPE_HARDWARE, PERF_COUNT_HW_CPU_CYCLES);
}

std::optional<std::uint64_t> EventCounter::read() const {
  struct Counted {
    std::uint64_t value;
    std::uint64_t enabled;  // nanoseconds, as is
    std::uint64_t running;
  } counted{};
  if (::read(counter_.get(), &counted, sizeof counted) != sizeof counted || counted.running == 0) {
    return std::nullopt;
  }
  const double share = static_cast<double>(counted.enabled) / static_cast<double>(counted.running);
  return static_cast<std::uint64_t>(std::llround(static_cast<double>(counted.value) * share));
}

}  // namespace compiler_gym
