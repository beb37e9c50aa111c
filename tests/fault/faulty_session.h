// An LLVM session that fails when it is told to.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "sessions/llvm/llvm_service_context.h"
#include "sessions/llvm/llvm_session.h"

namespace compiler_gym::testing {

/// Passes everything on to an LlvmSession, except for its faults, which have a place and a manner:
///
///   init          of a session on `benchmark://fault/<manner>`
///   step          by an action whose string_value is `step:<manner>`
///   observation   the next one after the action `observation:<manner>`
///   end_of_step   that of the action's own step, by the action `end_of_step:<manner>`
///   parameter     by the parameter `fault`, whose value is the manner
///
///   status        FAILED_PRECONDITION
///   exception     std::runtime_error
///   bad_alloc     std::bad_alloc
///   huge          allocates more than any process can have
///   memory        allocates and uses memory until there is none
///   segv          crashes
///   hang          for good, after making the file `hanging` in the working directory
class FaultySession final : public CompilationSession {
 public:
  explicit FaultySession(LlvmServiceContext& context);

  std::string getCompilerVersion() const override;
  std::vector<ActionSpace> getActionSpaces() const override;
  std::vector<ObservationSpace> getObservationSpaces() const override;
  grpc::Status init(const ActionSpace& actionSpace, const Benchmark& benchmark) override;
  grpc::Status init(const ActionSpace& actionSpace,
                    std::shared_ptr<const Benchmark> benchmark) override;
  grpc::Status init(CompilationSession* other) override;
  void onProcessForked() override;
  grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                           std::optional<ActionSpace>& newActionSpace,
                           bool& actionHadNoEffect) override;
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override;
  grpc::Status endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                         std::optional<ActionSpace>& newActionSpace) override;
  grpc::Status handleSessionParameter(const std::string& key, const std::string& value,
                                      std::optional<std::string>& reply) override;

 private:
  grpc::Status fail(const std::string& manner);
  LlvmSession& inner();

  LlvmSession inner_;
  std::optional<std::string> next_observation_;  // the manners of what is to fail
  std::optional<std::string> end_of_step_;
};

}  // namespace compiler_gym::testing
