// A compiler that is dangerous to be in one process with.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tests/support/history_session.h"

namespace compiler_gym::testing {

/// Actions that are no hazard, 0 and more, go into the history.
enum Hazard : std::int64_t {
  kSegmentationFault = -1,
  kStackOverflow = -2,
  kMemoryBomb = -3,
  kAbort = -4,
  kExit = -6,         ///< with status 3
  kHang = -7,         ///< for good, after passing the gate
  kWaitAtGate = -8,   ///< until the test opens it; then goes into the history
  kBreak = -9,        ///< DATA_LOSS, from now on and for everything
  kBadAction = -10,   ///< INVALID_ARGUMENT
  kLeaveChild = -11,  ///< starts a process in a group of its own that hangs, then hangs itself
  kCorrupt = -12,     ///< succeeds, but the step does not: DATA_LOSS at its end, and ever after
};

/// The working directory has what it is told by the test, and tells the test: `gate`, a pipe where
/// to wait; `loads`, a line for each benchmark that was loaded; `loader`, the process that loaded
/// the last one; `child`, the process that kLeaveChild started. A benchmark's program says what
/// loading it does: `exit`, `hang`, `gate` (waits there), `fail`; if it is `file`, the file
/// `program` says what.
///
/// Observations besides `history`: `process`, the number of the process; `kill` ends it; `giant`, a text
/// of as many MiB as the last action says.
/// Parameters: `echo`; `push`, which puts its value into the history; `read`, which opens a file, and
/// `connect`, a TCP port of this machine: the reply is how that went; `escape`, which starts a process
/// as commands are, that leaves the session and hangs: the reply is its number; `scratch`, which makes a
/// file of that name in the scratch directory; `leak`, which takes as many MiB of memory for good; `stain`,
/// after which it does not say any more that it leaves nothing behind.
class HazardSession final : public HistorySession {
 public:
  using HistorySession::HistorySession;

  /// Whether its processes may serve one after another. Set in sandbox processes.
  static bool recyclable;

  bool leavesNothingBehind() const override { return recyclable && !stained_; }
  std::string getCompilerVersion() const override { return "hazard"; }
  std::vector<ObservationSpace> getObservationSpaces() const override;
  using HistorySession::init;
  grpc::Status init(const ActionSpace& actionSpace, const Benchmark& benchmark) override;
  grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                           std::optional<ActionSpace>& newActionSpace,
                           bool& actionHadNoEffect) override;
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override;
  grpc::Status endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                         std::optional<ActionSpace>& newActionSpace) override;
  bool isQuery(const std::string& key) const override;
  grpc::Status handleSessionParameter(const std::string& key, const std::string& value,
                                      std::optional<std::string>& reply) override;

 private:
  grpc::Status meet(std::int64_t hazard);
  [[nodiscard]] std::string file(const std::string& name) const;

  bool broken_ = false;
  bool stained_ = false;
};

}  // namespace compiler_gym::testing
