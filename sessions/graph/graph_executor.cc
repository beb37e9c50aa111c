#include "sessions/graph/graph_executor.h"

#include <algorithm>
#include <boost/asio/post.hpp>
#include <boost/asio/use_awaitable.hpp>
#include <optional>
#include <utility>
#include <vector>

#include "sessions/graph/step_keys.h"
#include "sessions/internal/step_bytes.h"

namespace compiler_gym::graph {

using boost::asio::use_awaitable;

namespace {

// Whether this thread is in an answer, from which the next request may follow, and the next.
thread_local bool in_answer = false;

// What follows from an answer is not run inside of another: they would pile up on the stack.
template <typename Answer>
void give(WorkerPool& workers, Answer answer) {
  if (in_answer) {
    boost::asio::post(workers.executor(), std::move(answer));
    return;
  }
  struct InAnswer {
    InAnswer() { in_answer = true; }
    ~InAnswer() { in_answer = false; }
  } const mark;
  answer();
}

}  // namespace

GraphExecutor::GraphExecutor(GraphSessions& sessions, SessionStart start, SessionPlace place,
                             std::unique_ptr<SessionExecutor> executor,
                             std::weak_ptr<ExecutorSeat> lender)
    : sessions_(sessions),
      start_(std::move(start)),
      place_(std::move(place)),
      seat_(std::make_shared<ExecutorSeat>(sessions.parts_.workers)),
      lender_(std::move(lender)) {
  seat_->executor = std::move(executor);
  publish();
}

GraphExecutor::~GraphExecutor() {
  sessions_.executors_.forget(*seat_);
}

// ------------------------------------------------------------------------------------- whose turn it is

// Mostly nobody else has it.
SessionExecutor::Operation<void> GraphExecutor::take_seat() {
  if (!seat_->try_take()) {
    co_await seat_->async_take(use_awaitable);
  }
}

// For forks, and for who needs room: they look at it when nobody has taken the seat.
void GraphExecutor::publish() {
  seat_->at = place_.in_graph() ? place_.executor_at() : StateGraph::State();
  seat_->settings = place_.settings();
  if (seat_->at && seat_->executor != nullptr) {
    sessions_.executors_.note_use(seat_, ExecutorBudget::bytes_on(*start_.state.benchmark));
  }
}

// ------------------------------------------------------------------------------------------------- steps

bool GraphExecutor::try_step(StepExchange& step, const std::stop_source& stop, SessionTurn& turn) {
  if (!place_.in_graph()) {
    return seat_->executor->try_step(step, stop, turn);
  }
  const StepKeys keys(step.request(), sessions_.parts_.spaces);
  if (!keys.can_be_known || stop.stop_requested()) {
    return false;
  }
  const std::optional<StateGraph::KnownStep> known =
      place_.find_step(keys, sessions_.parts_.max_reply_bytes);
  if (!known) {
    return false;
  }
  step.set_reply_bytes(internal::step_reply_bytes(*known));
  give(sessions_.parts_.workers,
       [turn = std::move(turn)]() mutable { turn.finish(grpc::Status::OK); });
  return true;
}

SessionExecutor::Operation<grpc::Status> GraphExecutor::step(StepExchange& step,
                                                             std::stop_source stop) {
  if (!place_.in_graph()) {
    co_return co_await seat_->executor->step(step, std::move(stop));
  }
  co_await take_seat();
  const SeatLease lease(seat_);
  grpc::Status status = co_await bring_executor(stop);
  if (!status.ok()) {
    co_return status;
  }
  StepOutcome outcome;
  step.record(outcome);
  leave();
  status = co_await seat_->executor->step(step, std::move(stop));
  if (status.ok()) {
    note_step(step, outcome);
  } else {
    place_.on_failed();
  }
  publish();
  co_return status;
}

// Whatever comes of what the executor is going to be asked for, its state is not that any more.
void GraphExecutor::leave() {
  place_.leave();
  publish();
}

void GraphExecutor::note_step(const StepExchange& step, StepOutcome& outcome) {
  const StepRequest& request = step.request();
  outcome.end.only_checks = sessions_.parts_.determinism.step_ends_only_check;
  const bool end_said_something = outcome.end.ends_episode != outcome.end.episode_ended ||
                                  outcome.end.new_action_space != nullptr;
  if (outcome.is_special || (outcome.end.only_checks && end_said_something)) {
    place_.on_failed();
    return;
  }
  if (sessions_.varies(start_.state, request)) {
    const bool no_trace = std::ranges::all_of(outcome.actions, &ActionOutcome::left_no_trace);
    no_trace ? place_.on_unchanged() : place_.on_failed();
    return;
  }
  const int count = request.observation_space_size();
  if (!step.reply_is_bytes()) {
    for (int i = 0; i < std::min(count, step.reply().observation_size()); ++i) {
      sessions_.note_observation(request.observation_space(i), step.reply().observation(i),
                                 outcome.observations);
    }
  } else if (const auto events = internal::observations_in(step.reply_bytes())) {
    for (int i = 0; i < std::min(count, static_cast<int>(events->size())); ++i) {
      sessions_.note_observation(request.observation_space(i),
                                 (*events)[static_cast<std::size_t>(i)], outcome.observations);
    }
  }
  place_.on_step(StepKeys(request, sessions_.parts_.spaces), outcome);
}

// -------------------------------------------------------------------------------------------- parameters

SessionExecutor::Operation<SessionExecutor::ParametersOutcome> GraphExecutor::set_parameters(
    const SendSessionParameterRequest& request, SendSessionParameterReply& reply,
    std::stop_source stop) {
  bool changed = false;
  while (place_.in_graph() && reply.reply_size() < request.parameter_size()) {
    const SessionParameter& parameter = request.parameter(reply.reply_size());
    const ParameterEffect effect = sessions_.effect(parameter.key());
    if (effect == ParameterEffect::kUnknown) {
      co_return ParametersOutcome{.changed = changed};
    }
    if (effect == ParameterEffect::kState) {
      if (const WireBytes known = place_.find_parameter(change_of(parameter))) {
        reply.add_reply(*known);
        changed = true;
        continue;
      }
    }
    co_await take_seat();
    const SeatLease lease(seat_);
    const grpc::Status ready = co_await bring_executor(stop);
    if (!ready.ok()) {
      co_return ParametersOutcome{.status = ready, .changed = changed};
    }
    SendSessionParameterRequest one;
    one.set_session_id(request.session_id());
    *one.add_parameter() = parameter;
    SendSessionParameterReply answer;
    leave();
    const ParametersOutcome outcome = co_await seat_->executor->set_parameters(one, answer, stop);
    note_parameter(effect, outcome, parameter, answer);
    publish();
    changed |= outcome.changed;
    if (!outcome.status.ok() || answer.reply_size() == 0) {
      co_return ParametersOutcome{.status = outcome.status, .changed = changed};
    }
    reply.add_reply(std::move(*answer.mutable_reply(0)));
  }
  if (place_.in_graph()) {
    co_return ParametersOutcome{.changed = changed};
  }
  ParametersOutcome rest =
      co_await seat_->executor->set_parameters(request, reply, std::move(stop));
  rest.changed |= changed;
  co_return rest;
}

void GraphExecutor::note_parameter(ParameterEffect effect, const ParametersOutcome& outcome,
                                   const SessionParameter& parameter,
                                   const SendSessionParameterReply& answer) {
  const bool changes = effect == ParameterEffect::kState || effect == ParameterEffect::kAnything;
  const bool refused =
      outcome.status.error_code() == grpc::StatusCode::INVALID_ARGUMENT && !changes;
  const bool only_asked = outcome.status.ok() && (answer.reply_size() == 0 || !outcome.changed);
  if (refused || only_asked) {
    place_.on_unchanged();
    return;
  }
  if (!outcome.status.ok()) {
    place_.on_failed();
    return;
  }
  switch (effect) {
    case ParameterEffect::kState:
      place_.on_parameter(change_of(parameter), answer.reply(0));
      break;
    case ParameterEffect::kSetting:
      place_.on_setting(parameter.key(), parameter.value());
      break;
    case ParameterEffect::kReading:
    case ParameterEffect::kUnknown:
      place_.on_unchanged();
      break;
    case ParameterEffect::kAnything:
      place_.on_failed();
      break;
  }
}

// ----------------------------------------------------------------------------------------- forks and end

bool GraphExecutor::try_fork(const std::stop_source& stop, ForkHandler& handler) {
  if (!place_.in_graph()) {
    return seat_->executor->try_fork(stop, handler);
  }
  if (!sessions_.forks(start_.executor) || stop.stop_requested()) {
    return false;
  }
  give(sessions_.parts_.workers,
       [fork = make_fork(nullptr), handler = std::move(handler)]() mutable {
         handler(std::move(fork));
       });
  return true;
}

// The first one shows whether it is possible at all.
SessionExecutor::Operation<Result<std::unique_ptr<SessionExecutor>>> GraphExecutor::fork(
    std::stop_source stop) {
  if (!place_.in_graph()) {
    co_return co_await seat_->executor->fork(std::move(stop));
  }
  co_await take_seat();
  const SeatLease lease(seat_);
  const grpc::Status ready = co_await bring_executor(stop);
  publish();
  if (!ready.ok()) {
    co_return ready;
  }
  Result<std::unique_ptr<SessionExecutor>> forked = co_await seat_->executor->fork(std::move(stop));
  if (!forked) {
    co_return forked.error();
  }
  sessions_.forks(start_.executor) = true;
  co_return make_fork(*std::move(forked));
}

std::unique_ptr<SessionExecutor> GraphExecutor::make_fork(
    std::unique_ptr<SessionExecutor> executor) const {
  std::weak_ptr<ExecutorSeat> lender = place_.has_executor() ? seat_ : lender_;
  return std::make_unique<GraphExecutor>(sessions_, start_, place_.forked(executor != nullptr),
                                         std::move(executor), std::move(lender));
}

// Nothing is lent any more.
SessionExecutor::Operation<void> GraphExecutor::end() {
  co_await take_seat();
  const SeatLease lease(seat_);
  seat_->at = StateGraph::State();
  if (const std::unique_ptr<SessionExecutor> executor = std::move(seat_->executor)) {
    co_await executor->end();
  }
}

bool GraphExecutor::try_end(EndHandler& handler) {
  if (!seat_->try_take()) {
    return false;
  }
  const SeatLease lease(seat_);
  seat_->at = StateGraph::State();
  if (seat_->executor != nullptr) {
    return seat_->executor->try_end(handler);
  }
  EndHandler ended = std::move(handler);
  ended();
  return true;
}

}  // namespace compiler_gym::graph
