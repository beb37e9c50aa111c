#include "core/posix/processors.h"

#include <fmt/core.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

namespace compiler_gym {

std::vector<int> allowed_processors() {
  cpu_set_t allowed{};
  std::vector<int> processors;
  if (sched_getaffinity(0, sizeof allowed, &allowed) == 0) {
    for (int processor = 0; processor < CPU_SETSIZE; ++processor) {
      if (CPU_ISSET(processor, &allowed)) {
        processors.push_back(processor);
      }
    }
  }
  return processors;
}

grpc::Status leave_processor_alone(int processor) {
  const std::vector<int> processors = allowed_processors();
  if (processors.size() < 2 || std::ranges::find(processors, processor) == processors.end()) {
    return invalid_argument(
        fmt::format("Processor {} can't be left alone: this process may run on {}", processor,
                    fmt::join(processors, ", ")));
  }
  cpu_set_t others{};
  for (const int other : processors) {
    if (other != processor) {
      CPU_SET(other, &others);
    }
  }
  if (sched_setaffinity(0, sizeof others, &others) != 0) {
    return unavailable(
        fmt::format("Processor {} can't be left alone: {}", processor, std::strerror(errno)));
  }
  return grpc::Status::OK;
}

OnProcessor::OnProcessor(int processor) {
  cpu_set_t only{};
  CPU_SET(processor, &only);
  const bool pinned = sched_getaffinity(0, sizeof before_, &before_) == 0 &&
                      sched_setaffinity(0, sizeof only, &only) == 0;
  error_ = pinned ? 0 : errno;
}

OnProcessor::~OnProcessor() {
  if (error_ == 0) {
    sched_setaffinity(0, sizeof before_, &before_);
  }
}

}  // namespace compiler_gym
