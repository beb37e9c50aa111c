// A compiler whose results can be remembered, with all that makes that difficult.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sessions/compilation_session.h"

namespace compiler_gym::testing {

/// What its actions do; any other, 0 and more, goes into the history.
enum Deed : std::int64_t {
  kNothing = 10,  ///< nothing at all
  kHide = 11,     ///< says that it has no effect; counts what kReveal shows
  kReveal = 12,   ///< puts that count into the history
  kEndEpisode = 13,
  kChangeSpace = 14,  ///< a new action space, named by the history
  kVary = 15,         ///< puts the setting into the history: it is not deterministic
  kVaryNothing = 16,  ///< it is not deterministic, but this time it does nothing
  kRefuse = 17,       ///< INVALID_ARGUMENT
  kFailSometimes =
      18,     ///< INTERNAL, if the history's size is a multiple of three; else as the others
  kDie = 19,  ///< aborts the process; where that would be everybody's, INTERNAL
};

/// Observations 0 `history` and 1 `digest`, of all that there is, are deterministic, as are 2 `large`
/// and 5 `refused` where the history is odd in size; 3 `setting` and 4 `process` are not.
/// Parameters: `set` and `get`, of the setting; `push`, which puts its value into the history; `read`;
/// `any`, of which nobody says what it does; `refuse`, INVALID_ARGUMENT.
/// Its steps' end ends episodes and changes action spaces as well.
class ReproducibleSession final : public CompilationSession {
 public:
  using CompilationSession::CompilationSession;

  static constexpr int kObservations = 6;
  static constexpr int kProcess = 4;

  std::string getCompilerVersion() const override { return "reproducible"; }
  std::vector<ActionSpace> getActionSpaces() const override;
  std::vector<ObservationSpace> getObservationSpaces() const override;
  Determinism determinism() const override;
  bool leavesNothingBehind() const override { return true; }
  using CompilationSession::init;
  grpc::Status init(const ActionSpace& actionSpace, const Benchmark& benchmark) override;
  grpc::Status init(CompilationSession* other) override;
  grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                           std::optional<ActionSpace>& newActionSpace,
                           bool& actionHadNoEffect) override;
  bool leftNoTrace() const override { return left_no_trace_; }
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override;
  grpc::Status endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                         std::optional<ActionSpace>& newActionSpace) override;
  grpc::Status handleSessionParameter(const std::string& key, const std::string& value,
                                      std::optional<std::string>& reply) override;

  /// Whether its steps' end only checks, instead. Set before there are sessions.
  static bool ends_only_check;
  /// Set in sandbox processes.
  static bool may_die;

 private:
  [[nodiscard]] std::string digest() const;

  std::vector<std::int64_t> history_;
  int hidden_ = 0;
  std::string setting_ = "0";
  bool left_no_trace_ = false;
};

}  // namespace compiler_gym::testing
