#include "tests/fault/faulty_session.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <map>
#include <new>
#include <stdexcept>
#include <utility>

#include "core/support/status.h"
#include "tests/support/hazards.h"

namespace compiler_gym::testing {

FaultySession::FaultySession(LlvmServiceContext& context)
    : CompilationSession(context), inner_(context) {}

LlvmSession& FaultySession::inner() {
  inner_.setStopToken(stopToken());
  return inner_;
}

grpc::Status FaultySession::fail(const std::string& manner) {
  if (manner == "status") {
    return failed_precondition("it was told to fail");
  }
  if (manner == "exception") {
    throw std::runtime_error("it was told to throw");
  }
  if (manner == "bad_alloc") {
    throw std::bad_alloc();
  }
  static const std::map<std::string, void (*)()> hazards{
      {"huge", allocate_too_much},
      {"memory", take_all_memory},
      {"segv", [] { std::raise(SIGSEGV); }},
  };
  if (const auto hazard = hazards.find(manner); hazard != hazards.end()) {
    hazard->second();
  }
  if (manner == "hang") {
    const std::ofstream created((workingDirectory() / "hanging").string());
    hang();
  }
  return invalid_argument("There is no manner of failing '" + manner + "'");
}

std::string FaultySession::getCompilerVersion() const {
  return inner_.getCompilerVersion();
}

std::vector<ActionSpace> FaultySession::getActionSpaces() const {
  return inner_.getActionSpaces();
}

std::vector<ObservationSpace> FaultySession::getObservationSpaces() const {
  return inner_.getObservationSpaces();
}

grpc::Status FaultySession::init(const ActionSpace& actionSpace, const Benchmark& benchmark) {
  return inner().init(actionSpace, benchmark);
}

grpc::Status FaultySession::init(const ActionSpace& actionSpace,
                                 std::shared_ptr<const Benchmark> benchmark) {
  constexpr std::string_view kPrefix = "benchmark://fault/";
  if (benchmark->uri().starts_with(kPrefix)) {
    return fail(benchmark->uri().substr(kPrefix.size()));
  }
  return inner().init(actionSpace, std::move(benchmark));
}

grpc::Status FaultySession::init(CompilationSession* other) {
  return inner().init(&static_cast<FaultySession*>(other)->inner_);
}

void FaultySession::onProcessForked() {
  inner_.onProcessForked();
}

grpc::Status FaultySession::applyAction(const Event& action, bool& endOfEpisode,
                                        std::optional<ActionSpace>& newActionSpace,
                                        bool& actionHadNoEffect) {
  if (action.value_case() != Event::kStringValue) {
    return inner().applyAction(action, endOfEpisode, newActionSpace, actionHadNoEffect);
  }
  const std::string& fault = action.string_value();
  const std::size_t colon = fault.find(':');
  const std::string place = fault.substr(0, colon);
  const std::string manner = fault.substr(std::min(colon, fault.size() - 1) + 1);
  if (place == "step") {
    return fail(manner);
  }
  (place == "observation" ? next_observation_ : end_of_step_) = manner;
  actionHadNoEffect = true;
  return grpc::Status::OK;
}

grpc::Status FaultySession::computeObservation(const ObservationSpace& observationSpace,
                                               Event& observation) {
  if (const auto manner = std::exchange(next_observation_, std::nullopt)) {
    return fail(*manner);
  }
  return inner().computeObservation(observationSpace, observation);
}

grpc::Status FaultySession::endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                                      std::optional<ActionSpace>& newActionSpace) {
  if (const auto manner = std::exchange(end_of_step_, std::nullopt)) {
    return fail(*manner);
  }
  return inner().endOfStep(actionHadNoEffect, endOfEpisode, newActionSpace);
}

grpc::Status FaultySession::handleSessionParameter(const std::string& key, const std::string& value,
                                                   std::optional<std::string>& reply) {
  return key == "fault" ? fail(value) : inner().handleSessionParameter(key, value, reply);
}

}  // namespace compiler_gym::testing
