// Which processors a process, or what it starts, may run on.
#pragma once

#include <sched.h>

#include <vector>

#include "core/support/status.h"

namespace compiler_gym {

/// Those that the calling thread may run on, in rising order; a cpuset or an affinity may have
/// taken others away.
[[nodiscard]] std::vector<int> allowed_processors();

/// For the calling thread and whatever it starts from now on: not on that processor. Before there
/// are other threads, for the whole process.
/// Errors: INVALID_ARGUMENT naming those that there are, if it is none of them or the only one.
[[nodiscard]] grpc::Status leave_processor_alone(int processor);

/// Until it is destroyed the calling thread may run on one processor only, and so may, for good, what
/// it starts meanwhile.
/// Threads: the one that made it.
class OnProcessor {
 public:
  explicit OnProcessor(int processor);
  OnProcessor(const OnProcessor&) = delete;
  OnProcessor& operator=(const OnProcessor&) = delete;
  ~OnProcessor();

  /// 0, or the errno that says why not, in which case nothing has changed.
  [[nodiscard]] int error() const { return error_; }

 private:
  cpu_set_t before_{};
  int error_ = 0;
};

}  // namespace compiler_gym
