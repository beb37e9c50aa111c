// System calls of a service that fail when they are told to.
#pragma once

#include <sys/types.h>

#include <atomic>
#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <string_view>
#include <thread>

#include "core/posix/file_descriptor.h"

namespace compiler_gym {

/// What the machine has no more of. The calls that would give it fail, at every process of the service.
enum class Shortage {
  kNone,
  kProcesses,  ///< clone, fork: EAGAIN, for threads as well
  kMemory,  ///< mmap of 8 MiB and more: ENOMEM. Less is what small needs come out of, and gRPC aborts
  kDisk,    ///< what makes a file or a directory: ENOSPC
  kFiles,  ///< what makes a descriptor: ENFILE, as when the whole system has none
};

[[nodiscard]] std::string_view to_string(Shortage shortage);

/// Runs a service under a filter of seccomp(2) whose verdicts are those of this process. A filter can't
/// be lifted again; a verdict can be another one each time. Needs no privilege, and Linux 5.5.
/// The service is started as by somebody who ignores SIGCHLD.
/// Threads:  one of its own answers the kernel. set() and refused() from any other.
/// Lifetime: outlives the service, whose calls fail with ENOSYS without it.
class SystemCallFaults {
 public:
  /// For the next process that is started as compiler_gym-soak-launcher, which becomes the
  /// service. One at a time, since it is told by the environment.
  /// Throws std::system_error.
  explicit SystemCallFaults(const boost::filesystem::path& service);
  SystemCallFaults(const SystemCallFaults&) = delete;
  SystemCallFaults& operator=(const SystemCallFaults&) = delete;
  ~SystemCallFaults();

  void set(Shortage shortage) { shortage_ = shortage; }
  /// How many calls were made to fail.
  [[nodiscard]] std::uint64_t refused() const { return refused_; }

  // Between this and the launcher.
  static constexpr auto* kServiceVariable = "COMPILER_GYM_SOAK_SERVICE";
  static constexpr auto* kSocketVariable = "COMPILER_GYM_SOAK_SOCKET";

 private:
  void answer_until_stopped();
  [[nodiscard]] FileDescriptor receive_listener() const;
  [[nodiscard]] bool wait_for(int descriptor) const;
  void answer(int listener);

  std::atomic<Shortage> shortage_{Shortage::kNone};
  std::atomic<std::uint64_t> refused_{0};
  FileDescriptor here_;   // the socket that the filter's descriptor comes from
  FileDescriptor there_;  // the launcher's end
  FileDescriptor stop_;
  std::jthread thread_;  // last: uses all of the above
};

}  // namespace compiler_gym
