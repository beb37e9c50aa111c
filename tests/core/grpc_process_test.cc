#include "core/grpc_process.h"

#include <absl/synchronization/mutex.h>
#include <gtest/gtest.h>

#include <utility>

#include "tests/support/another_process.h"

namespace compiler_gym {
namespace {

// What abseil ends a process for while it looks for cycles: each order once is enough.
void lock_in_both_orders() {
  absl::Mutex first;
  absl::Mutex second;
  for (const auto& [outer, inner] : {std::pair{&first, &second}, std::pair{&second, &first}}) {
    const absl::MutexLock outer_lock(outer);
    const absl::MutexLock inner_lock(inner);
  }
}

TEST(GrpcProcessTest, LocksDoNotLookForCycles) {
  const auto locks = [] {
    absl::SetMutexDeadlockDetectionMode(absl::OnDeadlockCycle::kAbort);
    disable_abseil_deadlock_detection();
    lock_in_both_orders();
    return 0;
  };
  EXPECT_EQ(testing::in_another_process(locks), 0);
}

}  // namespace
}  // namespace compiler_gym
