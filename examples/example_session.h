// The smallest useful compiler service: three actions that do nothing, three observations that
// never change. What CompilerGym's own example service answers, so that clients can be tested
// without a compiler.
#pragma once

#include "sessions/compilation_session.h"

namespace compiler_gym::example {

class ExampleSession : public CompilationSession {
 public:
  using CompilationSession::CompilationSession;

  std::string getCompilerVersion() const override { return "1.0.0"; }
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
  bool leftNoTrace() const override { return true; }
  bool isCheap(const StepRequest& request) const override;
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override;
};

}  // namespace compiler_gym::example
