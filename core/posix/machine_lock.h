// What one process of a machine does at a time.
#pragma once

#include <stop_token>
#include <string>

#include "core/posix/file_descriptor.h"
#include "core/support/status.h"

namespace compiler_gym {

/// Held until it is destroyed, or its process ends. Whoever can read the file can take it: it
/// arranges, and does not protect.
class MachineLock {
 public:
  /// The lock of that file, which is made if need be, for every user. Waits for it as long as somebody
  /// else has it: other processes, and other threads of this one.
  /// Errors: CANCELLED at a stop request; RESOURCE_EXHAUSTED without a descriptor, and
  ///         UNAVAILABLE if the file can't be opened, which both name it.
  [[nodiscard]] static Result<MachineLock> acquire(const std::string& file,
                                                   const std::stop_token& stop_token);

 private:
  explicit MachineLock(FileDescriptor file) : file_(std::move(file)) {}

  FileDescriptor file_;
};

}  // namespace compiler_gym
