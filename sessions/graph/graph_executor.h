// One session whose results are remembered.
#pragma once

#include <memory>
#include <optional>
#include <stop_token>
#include <string>

#include "context/state_graph.h"
#include "sessions/graph/executor_seat.h"
#include "sessions/graph/graph_sessions.h"
#include "sessions/graph/session_place.h"
#include "sessions/session_executor.h"

namespace compiler_gym::graph {

/// Answers what the graph knows where the request arrives, and has an executor of the other kinds do the
/// rest, which it starts when it is needed first. SessionPlace says what has to be done for that. What the
/// executor finds is put into the graph.
class GraphExecutor final : public SessionExecutor {
 public:
  /// `executor` stands where the session does, or there is none. `lender`: whose executor is worth
  /// forking when one is needed.
  GraphExecutor(GraphSessions& sessions, SessionStart start, SessionPlace place,
                std::unique_ptr<SessionExecutor> executor, std::weak_ptr<ExecutorSeat> lender = {});
  ~GraphExecutor() override;

  [[nodiscard]] Operation<grpc::Status> step(StepExchange& step, std::stop_source stop) override;
  [[nodiscard]] bool try_step(StepExchange& step, const std::stop_source& stop,
                              SessionTurn& turn) override;
  [[nodiscard]] Operation<ParametersOutcome> set_parameters(
      const SendSessionParameterRequest& request, SendSessionParameterReply& reply,
      std::stop_source stop) override;
  [[nodiscard]] Operation<Result<std::unique_ptr<SessionExecutor>>> fork(
      std::stop_source stop) override;
  [[nodiscard]] bool try_fork(const std::stop_source& stop, ForkHandler& handler) override;
  [[nodiscard]] Operation<void> end() override;
  [[nodiscard]] bool try_end(EndHandler& handler) override;

 private:
  // Until the executor stands where the session does, or can't be brought there.
  Operation<grpc::Status> bring_executor(std::stop_source stop);
  Operation<PlaceAction> start_executor(std::stop_source stop);
  Operation<std::optional<PlaceAction>> borrow_executor(std::stop_source stop);
  Operation<grpc::Status> replay(StateGraph::Part part, std::stop_source stop);
  Operation<grpc::Status> send_settings(std::stop_source stop);

  Operation<void> take_seat();
  void publish();
  void leave();

  void note_step(const StepExchange& step, StepOutcome& outcome);
  void note_parameter(ParameterEffect effect, const ParametersOutcome& outcome,
                      const SessionParameter& parameter, const SendSessionParameterReply& answer);
  [[nodiscard]] std::unique_ptr<SessionExecutor> make_fork(
      std::unique_ptr<SessionExecutor> executor) const;

  GraphSessions& sessions_;
  const SessionStart start_;
  SessionPlace place_;
  // In the graph it is taken before the executor is touched, which may be gone then, for want of room; out of it nobody
  // else can take it.
  const std::shared_ptr<ExecutorSeat> seat_;
  std::weak_ptr<ExecutorSeat> lender_;
};

}  // namespace compiler_gym::graph
