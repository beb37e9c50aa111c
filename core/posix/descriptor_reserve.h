// Keeps some descriptors for what must not fail.
#pragma once

#include <cstddef>

#include "core/support/status.h"

namespace compiler_gym {

/// The system gives out the lowest number that is free, so the number of a new descriptor says that at
/// least as many are in use: who opens one for something that can be refused asks here whether to keep
/// it.
///
/// Why: a process without descriptors can't read a file, nor be told of a new process; and gRPC 1.51
/// never accepts again after one EMFILE.
/// Threads: every member may be called from any thread.
class DescriptorReserve {
 public:
  /// `reserved` below the process's soft limit, or half of that, if that is less.
  explicit DescriptorReserve(std::size_t reserved);

  [[nodiscard]] bool covers(int descriptor) const {
    return static_cast<std::size_t>(descriptor) >= usable_;
  }
  /// How many may be in use.
  [[nodiscard]] std::size_t usable() const { return usable_; }

  /// RESOURCE_EXHAUSTED with what there is no descriptor for, and the limit.
  [[nodiscard]] grpc::Status exhausted(const char* what) const;

 private:
  std::size_t limit_;
  std::size_t usable_;
};

}  // namespace compiler_gym
