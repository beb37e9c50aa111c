// A compiler that writes down what it is asked, in order.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sessions/compilation_session.h"

namespace compiler_gym::testing {

/// Two action spaces, `A` and `B`; two observation spaces, `x` and `y`. Everything succeeds.
class CallLogSession final : public CompilationSession {
 public:
  CallLogSession(CompilerGymServiceContext& context, std::vector<std::string>& log)
      : CompilationSession(context), log_(log) {}

  std::vector<ActionSpace> getActionSpaces() const override {
    std::vector<ActionSpace> spaces(2);
    spaces[0].set_name("A");
    spaces[1].set_name("B");
    return spaces;
  }
  std::vector<ObservationSpace> getObservationSpaces() const override {
    std::vector<ObservationSpace> spaces(2);
    spaces[0].set_name("x");
    spaces[1].set_name("y");
    return spaces;
  }
  using CompilationSession::init;
  grpc::Status init(const ActionSpace& actionSpace, const Benchmark& benchmark) override {
    log_.push_back("init " + actionSpace.name() + " " + benchmark.uri());
    return grpc::Status::OK;
  }
  grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                           std::optional<ActionSpace>& newActionSpace,
                           bool& actionHadNoEffect) override {
    log_.push_back("apply " + (action.value_case() == Event::VALUE_NOT_SET
                                   ? "nothing"
                                   : std::to_string(action.int64_value())));
    if (endOfEpisode || newActionSpace.has_value() || actionHadNoEffect) {
      log_.emplace_back("with results already set");
    }
    return grpc::Status::OK;
  }
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override {
    log_.push_back("observe " + observationSpace.name());
    observation.set_string_value(observationSpace.name());
    return grpc::Status::OK;
  }
  grpc::Status endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                         std::optional<ActionSpace>& newActionSpace) override {
    log_.push_back(std::string("end of step:") + (actionHadNoEffect ? " no effect" : "") +
                   (endOfEpisode ? " end" : "") + (newActionSpace ? " new space" : ""));
    return grpc::Status::OK;
  }
  grpc::Status handleSessionParameter(const std::string& key, const std::string& value,
                                      std::optional<std::string>& /*reply*/) override {
    log_.push_back("parameter " + key + "=" + value);
    return grpc::Status::OK;
  }

 private:
  std::vector<std::string>& log_;
};

}  // namespace compiler_gym::testing
