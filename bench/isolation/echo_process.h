// The least that a request to another process can cost.
#pragma once

#include <sys/types.h>

#include "core/posix/file_descriptor.h"

namespace compiler_gym {

/// A process that sends back whatever it is sent, over the socket that sandbox processes have, and does
/// nothing else. Made before the calling process has threads; ends with its object.
/// Threads: one at a time.
class EchoProcess {
 public:
  /// Throws std::runtime_error.
  EchoProcess();
  EchoProcess(const EchoProcess&) = delete;
  EchoProcess& operator=(const EchoProcess&) = delete;
  ~EchoProcess();

  /// Sends as many bytes as a small step has, and waits for them to come back.
  void exchange();

 private:
  FileDescriptor socket_;
  pid_t pid_ = -1;
};

}  // namespace compiler_gym
