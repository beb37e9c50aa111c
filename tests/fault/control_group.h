// A control group with a limit of processes.
#pragma once

#include <sys/types.h>

#include <boost/filesystem/path.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "core/support/status.h"

namespace compiler_gym::testing {

/// A group below the one that this process is in, of version 2 or, where the controller is there, 1.
/// Lifetime: destroying it lifts the limit and removes the group, whose processes have ended.
class ControlGroup {
 public:
  /// UNAVAILABLE with the reason if none can be made here.
  [[nodiscard]] static Result<std::unique_ptr<ControlGroup>> of_processes();
  ControlGroup(const ControlGroup&) = delete;
  ControlGroup& operator=(const ControlGroup&) = delete;
  ~ControlGroup();

  /// With all its threads. What it forks from then on is in the group as well.
  void add(pid_t process) const;
  /// No more processes and threads than there are now.
  void forbid_more() const;
  void allow_more() const;
  /// How often there would have been more.
  [[nodiscard]] std::uint64_t refused() const;

 private:
  explicit ControlGroup(boost::filesystem::path directory) : directory_(std::move(directory)) {}

  const boost::filesystem::path directory_;
};

}  // namespace compiler_gym::testing
