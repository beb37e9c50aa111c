// A sandbox's session, with its progress on the board.
#pragma once

#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "sessions/compilation_session.h"
#include "sessions/isolated/sandbox_board.h"

namespace compiler_gym::isolated {

/// Passes calls on to a session. After each it looks whether the service wants the request to end,
/// and what changed the session is counted: in a process of one thread nobody else could.
/// Lifetime: that of one request.
class WatchedSession final : public CompilationSession {
 public:
  WatchedSession(CompilerGymServiceContext& context, CompilationSession& session, SandboxSlot& slot,
                 std::uint64_t request, std::stop_source& stop)
      : CompilationSession(context),
        session_(session),
        slot_(slot),
        request_(request),
        stop_(stop) {
    session_.setStopToken(stop_.get_token());
  }

  std::vector<ActionSpace> getActionSpaces() const override { return session_.getActionSpaces(); }
  std::vector<ObservationSpace> getObservationSpaces() const override {
    return session_.getObservationSpaces();
  }
  using CompilationSession::init;
  grpc::Status init(const ActionSpace& actionSpace, const Benchmark& benchmark) override {
    return session_.init(actionSpace, benchmark);
  }
  grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                           std::optional<ActionSpace>& newActionSpace,
                           bool& actionHadNoEffect) override {
    session_.setTracesWanted(areTracesWanted());
    return count(session_.applyAction(action, endOfEpisode, newActionSpace, actionHadNoEffect),
                 true);
  }
  bool leftNoTrace() const override { return session_.leftNoTrace(); }
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override {
    grpc::Status status = session_.computeObservation(observationSpace, observation);
    look();
    return status;
  }
  grpc::Status endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                         std::optional<ActionSpace>& newActionSpace) override {
    return session_.endOfStep(actionHadNoEffect, endOfEpisode, newActionSpace);
  }
  grpc::Status handleSessionParameter(const std::string& key, const std::string& value,
                                      std::optional<std::string>& reply) override {
    grpc::Status status = session_.handleSessionParameter(key, value, reply);
    return reply.has_value() ? count(std::move(status), !session_.isQuery(key)) : status;
  }
  bool isQuery(const std::string& key) const override { return session_.isQuery(key); }

 private:
  grpc::Status count(grpc::Status status, bool changed) {
    if (status.ok()) {
      if (changed) {
        slot_.changes.store(slot_.changes.load(std::memory_order_relaxed) + 1,
                            std::memory_order_relaxed);
      }
      slot_.applied.store(slot_.applied.load(std::memory_order_relaxed) + 1,
                          std::memory_order_release);
    }
    look();
    return status;
  }
  void look() {
    if (slot_.cancelled_request.load(std::memory_order_relaxed) == request_) {
      stop_.request_stop();
    }
  }

  CompilationSession& session_;
  SandboxSlot& slot_;
  const std::uint64_t request_;
  std::stop_source& stop_;
};

}  // namespace compiler_gym::isolated
