// Where a session stands in the state graph, and how an executor gets there.
#pragma once

#include <grpcpp/support/status.h>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "context/state_graph.h"
#include "sessions/graph/step_keys.h"

namespace compiler_gym::graph {

/// What is to be done next, so that the executor can be asked.
struct PlaceAction {
  enum class Kind {
    kAsk,       ///< it stands where the session does: put the request to it
    kStart,     ///< start one; then on_started(), or on_program_changed() or on_borrowed() instead
    kSettings,  ///< send it settings(); then on_replayed()
    kReplay,    ///< put `part` to it; then on_replayed()
    kRefuse,    ///< answer the request with `status`
  };
  Kind kind;
  StateGraph::Part part{};
  grpc::Status status{};
};

/// Of a session whose results are remembered. It needs an executor when something is asked that is not
/// known; the executor then has to be brought to where the session stands, which can be further on than
/// where it was needed last. Takes what happened and returns what to do next. No threads, no clock, no
/// plug-in: GraphExecutor performs what it decides.
///
/// Replay:   of many steps as one, which saves most of what it costs; step by step, as they were, if that
///           fails, for want of time say.
/// Leaving:  a session of which the state is not known any more, as a step failed or did what is not
///           deterministic, leaves the graph for good. From then on it is what its executor is.
/// Errors:   of a request whose executor can't be brought here: what is for want of something is handed
///           on, what succeeded before and fails now is DATA_LOSS. The next request tries again with a
///           new executor.
class SessionPlace {
 public:
  /// At `start`, with an executor there or none.
  SessionPlace(StateGraph& graph, StateGraph::State start, bool has_executor);
  SessionPlace(SessionPlace&&) = default;

  /// A session in the same state, with an executor of its own there or none.
  [[nodiscard]] SessionPlace forked(bool has_executor) const;

  [[nodiscard]] bool in_graph() const { return static_cast<bool>(at_); }
  /// Whether there is one and it is known where it stands. If not, the one there was is of no use any more.
  [[nodiscard]] bool has_executor() const { return has_executor_; }
  [[nodiscard]] const StateGraph::State& executor_at() const { return executor_at_; }

  /// In the graph only: the answer, if it is known, in which case the session is one step further.
  [[nodiscard]] std::optional<StateGraph::KnownStep> find_step(
      const StepKeys& step, std::size_t max_reply_bytes = SIZE_MAX);
  [[nodiscard]] WireBytes find_parameter(const std::string& change);

  /// Something has to be asked. `cancelled`: its client has left.
  [[nodiscard]] PlaceAction begin(bool cancelled);
  [[nodiscard]] PlaceAction on_started(const grpc::Status& status, bool cancelled);
  [[nodiscard]] PlaceAction on_program_changed();
  /// Before begin(): the one there was has been given up, for want of room say.
  void on_executor_gone();
  /// The executor is a copy of one that stands there, with the same settings.
  [[nodiscard]] PlaceAction on_borrowed(const StateGraph::State& there, bool cancelled);
  /// Whether one that stands there would be of use.
  [[nodiscard]] bool can_borrow(
      const StateGraph::State& there,
      const std::vector<std::pair<std::string, std::string>>& settings) const;
  [[nodiscard]] PlaceAction on_replayed(const grpc::Status& status, bool cancelled);

  /// In the graph only: the executor is going to be asked for what changes the session. It is out of
  /// the graph unless one of the on_...() below says what came of it.
  void leave();
  void on_failed();
  /// All that it did was deterministic.
  void on_step(const StepKeys& step, const StepOutcome& outcome);
  void on_parameter(const std::string& change, const std::string& reply);
  /// The session is where it was.
  void on_unchanged();
  void on_setting(const std::string& key, const std::string& value);

  [[nodiscard]] const std::vector<std::pair<std::string, std::string>>& settings() const {
    return settings_;
  }

 private:
  void plan(const StateGraph::State& from);
  [[nodiscard]] PlaceAction proceed(bool cancelled);
  [[nodiscard]] PlaceAction give_up(grpc::Status status, const char* what);

  StateGraph* graph_;
  StateGraph::State at_;    // null: out of the graph
  StateGraph::State left_;  // where it was when it was asked
  bool has_executor_;
  StateGraph::State executor_at_;  // null: nowhere, or on its way
  std::vector<std::pair<std::string, std::string>> settings_;
  // What the executor has still to do, the next one last.
  std::vector<StateGraph::Part> to_replay_;
  bool step_by_step_ = false;  // as the whole has failed
};

}  // namespace compiler_gym::graph
