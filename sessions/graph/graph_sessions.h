// Sessions whose results are remembered, for all that come after.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <stop_token>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "context/state_graph.h"
#include "core/worker_pool.h"
#include "proto/compiler_gym_service.pb.h"
#include "sessions/client_id.h"
#include "sessions/determinism.h"
#include "sessions/graph/executor_budget.h"
#include "sessions/service_spaces.h"
#include "sessions/session.h"
#include "sessions/session_executor.h"

namespace compiler_gym::graph {

/// Starts an executor without the graph.
using StartExecutor =
    std::function<SessionExecutor::Operation<Result<std::unique_ptr<SessionExecutor>>>(
        SessionOrigin, std::stop_source)>;

/// What a session is going to start from, for whom and where.
struct SessionStart {
  StateOrigin state;
  ExecutorKind executor;
  ClientId client;
};

struct GraphSessionsParts {
  StateGraph& graph;
  const ServiceSpaces& spaces;
  Determinism determinism;
  /// What, besides the Benchmark itself, its program depends on. May block. None: nothing.
  std::function<std::string(const Benchmark&)> program_stamp;
  StartExecutor start;
  /// A larger reply is left to an executor to refuse.
  std::size_t max_reply_bytes;
  /// Of executors that sessions have, about. Beyond it those used longest ago are given up.
  std::uint64_t max_executor_bytes;
  WorkerPool& workers;
};

/// Makes sessions of executors, and without one where the graph knows enough.
/// Threads:  every member may be called from any thread.
/// Lifetime: must outlive the sessions; what its parts refer to must outlive it.
class GraphSessions {
 public:
  explicit GraphSessions(GraphSessionsParts parts)
      : parts_(std::move(parts)), executors_(parts_.max_executor_bytes) {}

  /// May block, as for looking at a file.
  [[nodiscard]] SessionStart start_of(const SessionOrigin& origin) const;

  /// A session without an executor, if one of that origin has started before and the observations are
  /// known, which are checked. Null otherwise: then start an executor, and adopt() it.
  [[nodiscard]] std::unique_ptr<SessionExecutor> try_start(const SessionStart& start,
                                                           const StartSessionRequest& request,
                                                           StartSessionReply& reply);
  /// An executor that has just started, with the reply to its start.
  [[nodiscard]] std::unique_ptr<SessionExecutor> adopt(SessionStart start,
                                                       const StartSessionRequest& request,
                                                       const StartSessionReply& reply,
                                                       std::unique_ptr<SessionExecutor> started);

  /// Ends executors that sessions can do without, while there are too many. Before one is started, or asked for what is not
  /// known: an inline session starts without a chance to wait.
  [[nodiscard]] SessionExecutor::Operation<void> make_room();

 private:
  friend class GraphExecutor;

  [[nodiscard]] std::atomic<bool>& forks(ExecutorKind kind) {
    return forks_[static_cast<std::size_t>(kind)];
  }
  [[nodiscard]] std::string program_stamp(const Benchmark& benchmark) const;
  /// Keeps an observation if it is worth that.
  void note_observation(int space, const Event& event,
                        std::vector<StepObservation>& observations) const;
  void note_observation(int space, std::string_view event,
                        std::vector<StepObservation>& observations) const;
  [[nodiscard]] bool is_worth_noting(int space, std::size_t size) const;
  [[nodiscard]] bool varies(const StateOrigin& origin, const StepRequest& request) const;
  [[nodiscard]] ParameterEffect effect(const std::string& key) const;

  const GraphSessionsParts parts_;
  ExecutorBudget executors_;
  /// A compiler may not be able to fork, which has to be found out.
  std::array<std::atomic<bool>, 2> forks_{};  // by ExecutorKind
};

}  // namespace compiler_gym::graph
