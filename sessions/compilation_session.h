// Plug-in API: what a compiler implements to be served. Mirrors CompilerGym's interface, camelCase
// included, so that a session class written for CompilerGym compiles after a change of its includes
// and its constructor.
#pragma once

#include <grpcpp/support/status.h>

#include <boost/filesystem/path.hpp>
#include <functional>
#include <memory>
#include <optional>
#include <stop_token>
#include <string>
#include <vector>

#include "context/compiler_gym_service_context.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/determinism.h"

namespace compiler_gym {

/// One client's incremental compilation of one benchmark.
///
/// Order:    constructed; then one of the two init(); then any number of applyAction(),
///           computeObservation(), endOfStep() and handleSessionParameter(); then destroyed. One
///           more instance, never init()-ed, is made when the service starts, to be asked for
///           getCompilerVersion(), getActionSpaces(), getObservationSpaces() and determinism().
/// Threads:  calls on one session never overlap, and each sees what the one before it wrote; they
///           may come from different threads. Different sessions run at the same time, so what they
///           share belongs into the service context.
/// Lifetime: the service context outlives every session.
/// Errors:   a status reaches the client as it is: INVALID_ARGUMENT for a bad request, which leaves
///           the session usable; not for a broken state. An exception becomes INTERNAL `Unhandled
///           exception: <what()>`.
/// Source:   CompilerGym 0.2.5, compiler_gym/service/CompilationSession.h.
class CompilationSession {
 public:
  /// A derived class may take its own context type instead: the service passes what its context
  /// factory made.
  explicit CompilationSession(CompilerGymServiceContext& serviceContext);
  CompilationSession(const CompilationSession&) = delete;
  CompilationSession& operator=(const CompilationSession&) = delete;
  virtual ~CompilationSession();

  /// Free text; empty by default.
  [[nodiscard]] virtual std::string getCompilerVersion() const;

  /// At least one of each, and always the same: a client names them by their position.
  [[nodiscard]] virtual std::vector<ActionSpace> getActionSpaces() const = 0;
  [[nodiscard]] virtual std::vector<ObservationSpace> getObservationSpaces() const = 0;

  /// What the service may remember, so that what one session has computed no other computes again. By
  /// default nothing.
  [[nodiscard]] virtual Determinism determinism() const;

  /// Whether the process that this session is isolated in may serve another on the same benchmark once this
  /// object is destroyed: that neither in the context nor in globals nor in files is there anything left which
  /// the other's answers depend on, or which adds up. Asked after init(), and again when the session has
  /// ended, so that one which has done what it can't undo may say no. By default false: each session then
  /// has a process of its own.
  [[nodiscard]] virtual bool leavesNothingBehind() const;

  /// Starts the session on a benchmark. `benchmark` must not be kept by reference; see the next
  /// overload.
  [[nodiscard]] virtual grpc::Status init(const ActionSpace& actionSpace,
                                          const Benchmark& benchmark) = 0;

  /// What the service calls: the benchmark is immutable and may be kept, and its address identifies
  /// it, so that a context can recognise a benchmark it has seen. By default calls the overload
  /// above.
  [[nodiscard]] virtual grpc::Status init(const ActionSpace& actionSpace,
                                          std::shared_ptr<const Benchmark> benchmark);

  /// Starts this session as a fork: with the state of `other`, which does not change and runs
  /// nothing meanwhile, and independent of it afterwards. By default UNIMPLEMENTED, on which
  /// clients replay the actions.
  [[nodiscard]] virtual grpc::Status init(CompilationSession* other);

  /// Applies one action. The three results start out as false, absent and false.
  [[nodiscard]] virtual grpc::Status applyAction(const Event& action, bool& endOfEpisode,
                                                 std::optional<ActionSpace>& newActionSpace,
                                                 bool& actionHadNoEffect) = 0;

  /// Whether the last applyAction(), which succeeded, left this session as it was, down to what nobody
  /// sees and later actions may depend on. Asked after actions for which areTracesWanted(). By default
  /// false, which is always safe to say.
  [[nodiscard]] virtual bool leftNoTrace() const;

  /// Computes one observation. Leaving `observation` unset says that it does not apply.
  [[nodiscard]] virtual grpc::Status computeObservation(const ObservationSpace& observationSpace,
                                                        Event& observation) = 0;

  /// Called at the end of a step, after its actions and observations; a hook for work saved up
  /// during the step. By default does nothing.
  [[nodiscard]] virtual grpc::Status endOfStep(bool actionHadNoEffect, bool& endOfEpisode,
                                               std::optional<ActionSpace>& newActionSpace);

  /// Whether this step is done in a few microseconds: that it neither compiles, reads files nor waits,
  /// but says what is known already, say. Such a step of a session that is idle is not handed to a
  /// worker, which saves waking one; it runs on the thread that serves everybody, and holds everybody
  /// up for as long as it takes. Asked before the step, under the same rules. By default false.
  [[nodiscard]] virtual bool isCheap(const StepRequest& request) const;

  /// Handles a parameter by setting `reply`; leaving it unset says that the key is not this
  /// session's, and the service looks among its own. By default leaves every key.
  [[nodiscard]] virtual grpc::Status handleSessionParameter(const std::string& key,
                                                            const std::string& value,
                                                            std::optional<std::string>& reply);

  /// Whether a parameter of that key is a question only, which changes nothing of the session. It is
  /// forgotten once it is answered; any other is handled again where an isolated session is restored.
  /// By default false.
  [[nodiscard]] virtual bool isQuery(const std::string& key) const;

  /// Called in a new process that is a copy of the one this session was in, where the session is to
  /// go on as a fork: what the two would otherwise share, a directory say, is to be released here,
  /// and left to the other one. By default does nothing.
  virtual void onProcessForked();

  /// Set by the service before each call: asks a long computation to end early, because the client
  /// has left, its deadline has passed or the service is draining. The service itself checks it
  /// between actions and between observations.
  void setStopToken(std::stop_token stopToken) { stopToken_ = std::move(stopToken); }

  /// Set by the service before a step: whether it is going to ask leftNoTrace() after each action.
  void setTracesWanted(bool tracesWanted) { tracesWanted_ = tracesWanted; }

 protected:
  [[nodiscard]] const boost::filesystem::path& workingDirectory() const {
    return serviceContext_.workingDirectory();
  }
  [[nodiscard]] CompilerGymServiceContext& serviceContext() const { return serviceContext_; }
  [[nodiscard]] const std::stop_token& stopToken() const { return stopToken_; }
  [[nodiscard]] bool areTracesWanted() const { return tracesWanted_; }

 private:
  CompilerGymServiceContext& serviceContext_;
  std::stop_token stopToken_;
  bool tracesWanted_ = false;
};

/// Makes a plug-in's session, not yet init()-ed. Called from several threads at once.
using SessionFactory =
    std::function<std::unique_ptr<CompilationSession>(CompilerGymServiceContext&)>;

}  // namespace compiler_gym
