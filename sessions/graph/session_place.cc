#include "sessions/graph/session_place.h"

#include <algorithm>
#include <cassert>
#include <iterator>

#include "core/support/status.h"
#include "sessions/session_rules.h"

namespace compiler_gym::graph {
namespace {

// What may be otherwise another time.
bool is_for_want_of_something(const grpc::Status& status) {
  switch (status.error_code()) {
    case grpc::StatusCode::CANCELLED:
    case grpc::StatusCode::DEADLINE_EXCEEDED:
    case grpc::StatusCode::RESOURCE_EXHAUSTED:
    case grpc::StatusCode::UNAVAILABLE:
      return true;
    default:
      return false;
  }
}

std::vector<StateGraph::Part> joined(std::vector<StateGraph::Part> parts) {
  std::vector<StateGraph::Part> longer;
  for (StateGraph::Part& part : parts) {
    const bool fits = !longer.empty() && !longer.back().ends_episode &&
                      !longer.back().is_parameter && !part.is_parameter;
    if (!fits) {
      longer.push_back(std::move(part));
      continue;
    }
    std::ranges::move(part.changes, std::back_inserter(longer.back().changes));
    longer.back().ends_episode = part.ends_episode;
  }
  return longer;
}

}  // namespace

SessionPlace::SessionPlace(StateGraph& graph, StateGraph::State start, bool has_executor)
    : graph_(&graph), at_(std::move(start)), has_executor_(has_executor) {
  if (has_executor_) {
    executor_at_ = at_;
  }
}

SessionPlace SessionPlace::forked(bool has_executor) const {
  SessionPlace fork(*graph_, at_, has_executor);
  fork.settings_ = settings_;
  return fork;
}

std::optional<StateGraph::KnownStep> SessionPlace::find_step(const StepKeys& step,
                                                             std::size_t max_reply_bytes) {
  return graph_->find_step(at_, {.actions = step.actions,
                                 .observations = step.observations,
                                 .max_reply_bytes = max_reply_bytes});
}

WireBytes SessionPlace::find_parameter(const std::string& change) {
  return graph_->find_parameter(at_, change);
}

// ------------------------------------------------------------------------------ bringing the executor

PlaceAction SessionPlace::begin(bool cancelled) {
  if (cancelled) {
    return {.kind = PlaceAction::Kind::kRefuse, .status = cancelled_before_its_turn()};
  }
  if (has_executor_ && executor_at_ == at_) {
    return {.kind = PlaceAction::Kind::kAsk};
  }
  step_by_step_ = false;
  plan(executor_at_);
  return has_executor_ ? proceed(cancelled) : PlaceAction{.kind = PlaceAction::Kind::kStart};
}

void SessionPlace::plan(const StateGraph::State& from) {
  to_replay_ = graph_->path(from, at_);
  if (!step_by_step_) {
    to_replay_ = joined(std::move(to_replay_));
  }
  std::ranges::reverse(to_replay_);
}

PlaceAction SessionPlace::on_started(const grpc::Status& status, bool cancelled) {
  if (!status.ok()) {
    return give_up(status, "its benchmark can't be loaded any more");
  }
  return settings_.empty() ? proceed(cancelled) : PlaceAction{.kind = PlaceAction::Kind::kSettings};
}

PlaceAction SessionPlace::on_program_changed() {
  return give_up(data_loss(""), "the program of its benchmark has changed");
}

void SessionPlace::on_executor_gone() {
  has_executor_ = false;
  executor_at_ = StateGraph::State();
}

bool SessionPlace::can_borrow(
    const StateGraph::State& there,
    const std::vector<std::pair<std::string, std::string>>& settings) const {
  return there && settings == settings_ && graph_->leads_to(there, at_);
}

PlaceAction SessionPlace::on_borrowed(const StateGraph::State& there, bool cancelled) {
  plan(there);
  return proceed(cancelled);
}

PlaceAction SessionPlace::on_replayed(const grpc::Status& status, bool cancelled) {
  if (!status.ok() && !cancelled && !std::exchange(step_by_step_, true)) {
    plan(StateGraph::State());
    return {.kind = PlaceAction::Kind::kStart};
  }
  if (!status.ok()) {
    return give_up(status, "what succeeded before fails now");
  }
  return proceed(cancelled);
}

PlaceAction SessionPlace::proceed(bool cancelled) {
  has_executor_ = to_replay_.empty();
  executor_at_ = has_executor_ ? at_ : StateGraph::State();
  if (has_executor_) {
    return {.kind = PlaceAction::Kind::kAsk};
  }
  if (cancelled) {
    return give_up(compiler_gym::cancelled("Cancelled while the session was being restored"), "");
  }
  StateGraph::Part next = std::move(to_replay_.back());
  to_replay_.pop_back();
  return {.kind = PlaceAction::Kind::kReplay, .part = std::move(next)};
}

PlaceAction SessionPlace::give_up(grpc::Status status, const char* what) {
  on_executor_gone();
  to_replay_.clear();
  if (!is_for_want_of_something(status)) {
    std::string text = "The session can't be restored, as " + std::string(what);
    text += (status.error_message().empty() ? "" : ": ") + status.error_message();
    status = data_loss(text);
  }
  return {.kind = PlaceAction::Kind::kRefuse, .status = std::move(status)};
}

// ---------------------------------------------------------------------------------- what came of it

void SessionPlace::leave() {
  assert(at_ && has_executor_ && executor_at_ == at_ &&
         "the executor stands where the session does");
  left_ = std::move(at_);
  executor_at_ = StateGraph::State();
}

void SessionPlace::on_failed() {
  left_ = StateGraph::State();
}

void SessionPlace::on_step(const StepKeys& step, const StepOutcome& outcome) {
  at_ = std::move(left_);
  graph_->add_step(at_, step.actions, outcome);
  executor_at_ = at_;
}

void SessionPlace::on_parameter(const std::string& change, const std::string& reply) {
  at_ = std::move(left_);
  graph_->add_parameter(at_, change, reply);
  executor_at_ = at_;
}

void SessionPlace::on_unchanged() {
  at_ = std::move(left_);
  executor_at_ = at_;
}

void SessionPlace::on_setting(const std::string& key, const std::string& value) {
  on_unchanged();
  const auto known = std::ranges::find(settings_, key, &std::pair<std::string, std::string>::first);
  if (known != settings_.end()) {
    known->second = value;
  } else {
    settings_.emplace_back(key, value);
  }
}

}  // namespace compiler_gym::graph
