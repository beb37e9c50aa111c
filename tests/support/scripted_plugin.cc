#include "tests/support/scripted_plugin.h"

#include <utility>

namespace compiler_gym::testing {
namespace {

// Counts a call that finds another one on the same session.
class OverlapCheck {
 public:
  OverlapCheck(std::atomic<int>& calls, PluginScript& script) : calls_(calls) {
    if (calls_.fetch_add(1) != 0) {
      ++script.overlaps;
    }
  }
  OverlapCheck(const OverlapCheck&) = delete;
  OverlapCheck& operator=(const OverlapCheck&) = delete;
  ~OverlapCheck() { calls_.fetch_sub(1); }

 private:
  std::atomic<int>& calls_;
};

}  // namespace

std::vector<std::string> PluginScript::events() const {
  const std::lock_guard lock(mutex_);
  return events_;
}

void PluginScript::record(std::string event) {
  const std::lock_guard lock(mutex_);
  events_.push_back(std::move(event));
}

grpc::Status ScriptedContext::init() {
  script_.record("context init");
  return script_.on_context_init ? script_.on_context_init() : grpc::Status::OK;
}

grpc::Status ScriptedContext::shutdown() {
  script_.record("context shutdown");
  return script_.on_context_shutdown ? script_.on_context_shutdown() : grpc::Status::OK;
}

ScriptedSession::ScriptedSession(CompilerGymServiceContext& context, PluginScript& script)
    : HistorySession(context), script_(script) {
  ++script_.live_sessions;
}

ScriptedSession::~ScriptedSession() {
  if (script_.on_session_destroyed) {
    script_.on_session_destroyed();
  }
  --script_.live_sessions;
}

std::vector<ObservationSpace> ScriptedSession::getObservationSpaces() const {
  std::vector<ObservationSpace> spaces = HistorySession::getObservationSpaces();
  add_space(spaces, "benchmark").mutable_space()->mutable_string_value();
  for (ObservationSpace& space : spaces) {
    space.set_deterministic(script_.determinism.actions);
  }
  return spaces;
}

grpc::Status ScriptedSession::init(const ActionSpace& /*actionSpace*/, const Benchmark& benchmark) {
  const OverlapCheck check(calls_, script_);
  script_.record("session init");
  benchmark_uri_ = benchmark.uri();
  if (script_.during_init) {
    script_.during_init(stopToken());
  }
  return script_.on_init ? script_.on_init(benchmark) : grpc::Status::OK;
}

grpc::Status ScriptedSession::init(CompilationSession* other) {
  auto& parent = static_cast<ScriptedSession&>(*other);
  const OverlapCheck check(calls_, script_);
  const OverlapCheck parent_check(parent.calls_, script_);
  script_.record("session fork");
  benchmark_uri_ = parent.benchmark_uri_;
  grpc::Status status = HistorySession::init(other);
  return script_.on_fork ? script_.on_fork() : status;
}

grpc::Status ScriptedSession::applyAction(const Event& action, bool& endOfEpisode,
                                          std::optional<ActionSpace>& newActionSpace,
                                          bool& actionHadNoEffect) {
  const OverlapCheck check(calls_, script_);
  if (script_.on_action) {
    PluginScript::ActionEffects effects;
    const grpc::Status status = script_.on_action(action.int64_value(), effects, stopToken());
    if (!status.ok()) {
      return status;
    }
    endOfEpisode = effects.end_of_session;
    newActionSpace = std::move(effects.new_action_space);
    actionHadNoEffect = effects.had_no_effect;
  }
  history_.push_back(action.int64_value());
  return grpc::Status::OK;
}

grpc::Status ScriptedSession::computeObservation(const ObservationSpace& observationSpace,
                                                 Event& observation) {
  const OverlapCheck check(calls_, script_);
  if (observationSpace.name() == "benchmark") {
    observation.set_string_value(benchmark_uri_);
  } else if (grpc::Status status =
                 HistorySession::computeObservation(observationSpace, observation);
             !status.ok()) {
    return status;
  }
  return script_.on_observation ? script_.on_observation(observationSpace, observation)
                                : grpc::Status::OK;
}

grpc::Status ScriptedSession::endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                                        std::optional<ActionSpace>& newActionSpace) {
  const OverlapCheck check(calls_, script_);
  if (!script_.on_end_of_step) {
    return grpc::Status::OK;
  }
  PluginScript::ActionEffects effects;
  effects.end_of_session = endOfEpisode;
  const grpc::Status status = script_.on_end_of_step(actionHadNoEffect, effects);
  endOfEpisode = effects.end_of_session;
  if (effects.new_action_space.has_value()) {
    newActionSpace = std::move(effects.new_action_space);
  }
  return status;
}

grpc::Status ScriptedSession::handleSessionParameter(const std::string& key,
                                                     const std::string& value,
                                                     std::optional<std::string>& reply) {
  const OverlapCheck check(calls_, script_);
  return script_.on_parameter ? script_.on_parameter(key, value, reply) : grpc::Status::OK;
}

bool ScriptedSession::isCheap(const StepRequest& request) const {
  return script_.is_cheap && script_.is_cheap(request);
}

Event int64_event(std::int64_t value) {
  Event event;
  event.set_int64_value(value);
  return event;
}

Benchmark make_benchmark(const std::string& uri, std::size_t bytes) {
  Benchmark benchmark;
  benchmark.set_uri(uri);
  benchmark.mutable_program()->set_contents(std::string(bytes, 'x'));
  return benchmark;
}

}  // namespace compiler_gym::testing
