#include "core/grpc_process.h"

#include <absl/synchronization/mutex.h>

namespace compiler_gym {

void disable_abseil_deadlock_detection() {
  absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kIgnore);
}

}  // namespace compiler_gym
