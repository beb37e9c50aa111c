#include "sessions/graph/graph_sessions.h"

#include <algorithm>
#include <utility>

#include "sessions/graph/graph_executor.h"
#include "sessions/graph/session_place.h"
#include "sessions/graph/step_keys.h"

namespace compiler_gym::graph {

SessionStart GraphSessions::start_of(const SessionOrigin& origin) const {
  return {.state = {.benchmark = origin.benchmark,
                    .action_space = origin.action_space,
                    .program_stamp = program_stamp(*origin.benchmark)},
          .executor = origin.executor,
          .client = origin.client};
}

std::string GraphSessions::program_stamp(const Benchmark& benchmark) const {
  return parts_.program_stamp ? parts_.program_stamp(benchmark) : "";
}

std::unique_ptr<SessionExecutor> GraphSessions::try_start(const SessionStart& start,
                                                          const StartSessionRequest& request,
                                                          StartSessionReply& reply) {
  if (!are_deterministic(parts_.spaces, request.observation_space())) {
    return nullptr;
  }
  StateGraph::State state = parts_.graph.find_start(start.state);
  if (!state) {
    return nullptr;
  }
  const std::optional<WireBytesList> known = parts_.graph.find_observations(
      state, indices(request.observation_space()), parts_.max_reply_bytes);
  if (!known) {
    return nullptr;
  }
  for (const WireBytes& observation : *known) {
    reply.add_observation()->ParseFromString(*observation);
  }
  return std::make_unique<GraphExecutor>(
      *this, start, SessionPlace(parts_.graph, std::move(state), false), nullptr);
}

std::unique_ptr<SessionExecutor> GraphSessions::adopt(SessionStart start,
                                                      const StartSessionRequest& request,
                                                      const StartSessionReply& reply,
                                                      std::unique_ptr<SessionExecutor> started) {
  StateGraph::State state = parts_.graph.add_start(start.state);
  std::vector<StepObservation> observations;
  const int count = std::min(request.observation_space_size(), reply.observation_size());
  for (int i = 0; i < count; ++i) {
    note_observation(request.observation_space(i), reply.observation(i), observations);
  }
  parts_.graph.add_observations(state, observations);
  return std::make_unique<GraphExecutor>(*this, std::move(start),
                                         SessionPlace(parts_.graph, std::move(state), true),
                                         std::move(started));
}

SessionExecutor::Operation<void> GraphSessions::make_room() {
  while (const std::unique_ptr<SessionExecutor> idle = executors_.take_one()) {
    co_await idle->end();
  }
}

void GraphSessions::note_observation(int space, const Event& event,
                                     std::vector<StepObservation>& observations) const {
  if (is_worth_noting(space, event.ByteSizeLong())) {
    observations.push_back(
        {.space = space, .event = std::make_shared<const std::string>(event.SerializeAsString())});
  }
}

void GraphSessions::note_observation(int space, std::string_view event,
                                     std::vector<StepObservation>& observations) const {
  if (is_worth_noting(space, event.size())) {
    observations.push_back({.space = space, .event = std::make_shared<const std::string>(event)});
  }
}

bool GraphSessions::is_worth_noting(int space, std::size_t size) const {
  return is_deterministic(parts_.spaces, space) && size <= parts_.graph.max_observation_bytes();
}

bool GraphSessions::varies(const StateOrigin& origin, const StepRequest& request) const {
  const auto& determinism = parts_.determinism;
  const ActionSpace& space = **parts_.spaces.action_space(origin.action_space);
  return determinism.varies && std::ranges::any_of(request.action(), [&](const Event& action) {
           return determinism.varies(space, action);
         });
}

ParameterEffect GraphSessions::effect(const std::string& key) const {
  return parts_.determinism.parameter ? parts_.determinism.parameter(key)
                                      : ParameterEffect::kAnything;
}

}  // namespace compiler_gym::graph
