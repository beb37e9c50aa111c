// A control group with a limit of processes or of memory.
#pragma once

#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym::testing {

/// A group below the one that this process is in, of version 2 or, where the controller is there, 1.
/// Lifetime: destroying it removes the group, whose processes have ended.
class ControlGroup {
 public:
  /// UNAVAILABLE with the reason if none can be made here.
  [[nodiscard]] static Result<std::unique_ptr<ControlGroup>> of_processes();
  [[nodiscard]] static Result<std::unique_ptr<ControlGroup>> of_memory();
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  ~ControlGroup();

  /// With all its threads. What it forks from then on is in the group as well.
  void add(pid_t process) const;

  // Of a group of processes.

  /// No more processes and threads than there are now.
  void forbid_more_processes() const;
  void allow_more_processes() const;
  /// How often there would have been more.
  [[nodiscard]] std::uint64_t refused() const;

  // Of a group of memory.

  /// So much more than its processes use now. Those of version 1 are not charged with what they had
  /// before they came.
  [[nodiscard]] bool leave_bytes(std::uint64_t bytes) const;

 private:
  ControlGroup(boost::filesystem::path directory, int version)
      : directory_(std::move(directory)), version_(version) {}
  static Result<std::unique_ptr<ControlGroup>> create(const std::string& controller);

  const boost::filesystem::path directory_;
  const int version_;
};

}  // namespace compiler_gym::testing
