// Counts what the kernel and the processor count for a process: instructions, cycles.
#pragma once

#include <cstdint>
#include <optional>

#include "core/posix/file_descriptor.h"
#include "core/support/status.h"

namespace compiler_gym {

/// Counts an event in the programs that the calling thread starts, and in whatever these start, in
/// user space, from the moment when the first one is executed. Not in the thread itself.
/// Threads: opened by the one that starts the programs; read by any.
/// Source:  perf_event_open(2).
class EventCounter {
 public:
  /// `type` and `config` as perf_event_open() has them.
  /// Errors: UNAVAILABLE with the system's reason: virtual machines mostly have no such counters, and
  ///         containers may not use them.
  [[nodiscard]] static Result<EventCounter> open(std::uint32_t type, std::uint64_t config);
  [[nodiscard]] static Result<EventCounter> of_instructions();
  [[nodiscard]] static Result<EventCounter> of_cycles();

  /// Of the programs that have ended. Scaled, if the processor had to count other things for a while;
  /// none if it has not counted at all.
  [[nodiscard]] std::optional<std::uint64_t> read() const;

 private:
  explicit EventCounter(FileDescriptor counter) : counter_(std::move(counter)) {}

  FileDescriptor counter_;
};

}  // namespace compiler_gym
