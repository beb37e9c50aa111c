// A compiler that does what a test tells it to.
#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "sessions/compilation_session.h"
#include "tests/support/history_session.h"

namespace compiler_gym::testing {

/// What the sessions and the context of one service do, and what they were seen doing. Unset
/// functions succeed.
/// Threads:  functions are set before the service starts and called on its threads, several at
///           once; the counters and events() are read from anywhere.
/// Lifetime: must outlive the service.
struct PluginScript {
  struct ActionEffects {
    bool end_of_session = false;
    bool had_no_effect = false;
    std::optional<ActionSpace> new_action_space;
  };

  std::function<grpc::Status()> on_context_init;
  std::function<grpc::Status()> on_context_shutdown;
  std::function<grpc::Status(const Benchmark&)> on_init;
  /// Called before on_init, with the stop token of the start.
  std::function<void(const std::stop_token&)> during_init;
  std::function<grpc::Status()> on_fork;
  /// The action's int64_value, and the stop token of its step.
  std::function<grpc::Status(std::int64_t, ActionEffects&, const std::stop_token&)> on_action;
  std::function<grpc::Status(const ObservationSpace&, Event&)> on_observation;
  std::function<grpc::Status(bool action_had_no_effect, ActionEffects&)> on_end_of_step;
  std::function<grpc::Status(const std::string& key, const std::string& value,
                             std::optional<std::string>& reply)>
      on_parameter;
  std::function<bool(const StepRequest&)> is_cheap;  ///< nothing is, without it
  Determinism determinism;  ///< if its actions are deterministic, so are all observations
  std::function<void()> on_session_destroyed;

  /// `context init`, `session init`, `session fork`, `session destroyed`, `context shutdown`, in
  /// their order.
  [[nodiscard]] std::vector<std::string> events() const;
  void record(std::string event);

  std::atomic<int> live_sessions{
      0};                        ///< plug-in objects that exist, the one asked for spaces included
  std::atomic<int> overlaps{0};  ///< calls on a session while another call on it was running

 private:
  mutable std::mutex mutex_;
  std::vector<std::string> events_;
};

class ScriptedContext final : public CompilerGymServiceContext {
 public:
  ScriptedContext(boost::filesystem::path workingDirectory, PluginScript& script)
      : CompilerGymServiceContext(std::move(workingDirectory)), script_(script) {}
  grpc::Status init() override;
  grpc::Status shutdown() override;

 private:
  PluginScript& script_;
};

/// Besides `history` it has the observation space `benchmark`, the URI as a string.
class ScriptedSession final : public HistorySession {
 public:
  ScriptedSession(CompilerGymServiceContext& context, PluginScript& script);
  ~ScriptedSession() override;

  std::string getCompilerVersion() const override { return "scripted"; }
  std::vector<ObservationSpace> getObservationSpaces() const override;
  using HistorySession::init;
  grpc::Status init(const ActionSpace& actionSpace, const Benchmark& benchmark) override;
  grpc::Status init(CompilationSession* other) override;
  grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                           std::optional<ActionSpace>& newActionSpace,
                           bool& actionHadNoEffect) override;
  grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                  Event& observation) override;
  grpc::Status endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                         std::optional<ActionSpace>& newActionSpace) override;
  Determinism determinism() const override { return script_.determinism; }
  bool isCheap(const StepRequest& request) const override;
  grpc::Status handleSessionParameter(const std::string& key, const std::string& value,
                                      std::optional<std::string>& reply) override;

 private:
  PluginScript& script_;
  std::atomic<int> calls_{0};
  std::string benchmark_uri_;
};

/// An action of that value.
[[nodiscard]] Event int64_event(std::int64_t value);

/// A benchmark with a program of `bytes` bytes.
[[nodiscard]] Benchmark make_benchmark(const std::string& uri, std::size_t bytes = 8);

}  // namespace compiler_gym::testing
