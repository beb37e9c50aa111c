#include "sessions/session_rules.h"

#include <fmt/core.h>

#include <optional>
#include <string>
#include <utility>

#include "core/support/status.h"

namespace compiler_gym {
namespace {

// The border to plug-in code: what it throws becomes a status here.
template <typename Call>
grpc::Status guarded(Call&& call) {
  try {
    return call();
  } catch (...) {
    return status_from_current_exception();
  }
}

WireBytes wire_bytes(const std::optional<ActionSpace>& space) {
  return space.has_value() ? std::make_shared<const std::string>(space->SerializeAsString())
                           : nullptr;
}

void note_action(const CompilationSession& session, bool had_no_effect, bool ends_episode,
                 const std::optional<ActionSpace>& changed_space, StepOutcome& outcome) {
  outcome.actions.push_back({.had_no_effect = had_no_effect,
                             .ends_episode = ends_episode,
                             .left_no_trace = session.leftNoTrace(),
                             .new_action_space = wire_bytes(changed_space)});
}

// `before`: what the hook was told of an action space, which it may leave as it is.
void note_end(const StepReply& told, const WireBytes& before, bool ends_episode,
              const std::optional<ActionSpace>& after, StepOutcome& outcome) {
  WireBytes said = wire_bytes(after);
  outcome.is_special = before != nullptr && said == nullptr;
  if (before != nullptr && said != nullptr && *before == *said) {
    said = nullptr;
  }
  outcome.end = {.had_no_effect = told.action_had_no_effect(),
                 .episode_ended = told.end_of_session(),
                 .ends_episode = ends_episode,
                 .new_action_space = std::move(said)};
}

// `applied`: how many.
grpc::Status apply_actions(CompilationSession& session, const StepRequest& request,
                           StepReply& reply, std::optional<ActionSpace>& new_action_space,
                           const std::stop_token& stop, int& applied, StepOutcome* outcome) {
  bool end_of_session = false;
  bool nothing_had_effect = true;
  for (; applied < request.action_size() && !end_of_session; ++applied) {
    if (stop.stop_requested()) {
      return cancelled("Step cancelled");
    }
    bool action_had_no_effect = false;
    std::optional<ActionSpace> changed_space;
    const grpc::Status status = guarded([&] {
      return session.applyAction(request.action(applied), end_of_session, changed_space,
                                 action_had_no_effect);
    });
    if (!status.ok()) {
      return status;
    }
    nothing_had_effect &= action_had_no_effect;
    if (outcome != nullptr) {
      note_action(session, action_had_no_effect, end_of_session, changed_space, *outcome);
    }
    if (changed_space.has_value()) {
      new_action_space = std::move(changed_space);
    }
  }
  reply.set_end_of_session(end_of_session);
  reply.set_action_had_no_effect(nothing_had_effect);
  return grpc::Status::OK;
}

// No less than the bytes of an observation, and at once, but for nested ones.
std::size_t at_most_bytes(const Event& observation) {
  constexpr std::size_t kVarint = 10;
  constexpr std::size_t kAround = 64;  // tags, lengths and a shape
  switch (observation.value_case()) {
    case Event::VALUE_NOT_SET:
    case Event::kBooleanValue:
    case Event::kInt64Value:
    case Event::kFloatValue:
    case Event::kDoubleValue:
      return kAround;
    case Event::kStringValue:
      return kAround + observation.string_value().size();
    case Event::kByteTensor:
      return kAround + observation.byte_tensor().value().size();
    case Event::kInt64Tensor:
      return kAround + kVarint * static_cast<std::size_t>(observation.int64_tensor().value_size());
    case Event::kDoubleTensor:
      return kAround +
             sizeof(double) * static_cast<std::size_t>(observation.double_tensor().value_size());
    default:
      return kAround + observation.ByteSizeLong();
  }
}

template <typename Request, typename Reply>
grpc::Status compute_observations(CompilationSession& session, const ServiceSpaces& spaces,
                                  const Request& request, Reply& reply, const std::stop_token& stop,
                                  std::size_t max_bytes) {
  std::size_t bytes = 0;
  reply.mutable_observation()->Reserve(request.observation_space_size());
  for (const int index : request.observation_space()) {
    if (stop.stop_requested()) {
      return cancelled(fmt::format("Cancelled after {} of {} observations",
                                   reply.observation_size(), request.observation_space_size()));
    }
    const Result<const ObservationSpace*> space = spaces.observation_space(index);
    if (!space) {
      return space.error();
    }
    Event& observation = *reply.add_observation();
    const grpc::Status status =
        guarded([&] { return session.computeObservation(**space, observation); });
    if (!status.ok()) {
      return status;
    }
    // Each of them may be as large as a reply, and a request ask for thousands.
    bytes += at_most_bytes(observation);
    if (bytes > max_bytes) {
      bytes = reply.ByteSizeLong();
    }
    if (bytes > max_bytes) {
      reply.clear_observation();
      return reply_too_large(bytes, max_bytes);
    }
  }
  return grpc::Status::OK;
}

}  // namespace

Result<std::shared_ptr<const Benchmark>> find_benchmark(StartSessionRequest& request,
                                                        BenchmarkCache& benchmarks) {
  if (request.benchmark().uri().empty()) {
    return invalid_argument("No benchmark URI set for StartSession()");
  }
  if (request.benchmark().has_program()) {
    return benchmarks.add(std::move(*request.mutable_benchmark()));
  }
  std::shared_ptr<const Benchmark> benchmark = benchmarks.get(request.benchmark().uri());
  if (benchmark == nullptr) {
    return not_found("Benchmark not found");
  }
  return benchmark;
}

grpc::Status check_indices(const ServiceSpaces& spaces, const StartSessionRequest& request) {
  if (const auto space = spaces.action_space(request.action_space()); !space) {
    return space.error();
  }
  for (const int index : request.observation_space()) {
    if (const auto space = spaces.observation_space(index); !space) {
      return space.error();
    }
  }
  return grpc::Status::OK;
}

grpc::Status run_init(CompilationSession& session, const ServiceSpaces& spaces, int action_space,
                      std::shared_ptr<const Benchmark> benchmark, const std::stop_token& stop) {
  session.setStopToken(stop);
  return guarded(
      [&] { return session.init(**spaces.action_space(action_space), std::move(benchmark)); });
}

grpc::Status run_start_observations(CompilationSession& session, const ServiceSpaces& spaces,
                                    const StartSessionRequest& request, StartSessionReply& reply,
                                    const std::stop_token& stop, std::size_t max_reply_bytes) {
  session.setStopToken(stop);
  return compute_observations(session, spaces, request, reply, stop, max_reply_bytes);
}

grpc::Status run_start(CompilationSession& session, const ServiceSpaces& spaces,
                       const StartSessionRequest& request,
                       std::shared_ptr<const Benchmark> benchmark, StartSessionReply& reply,
                       const std::stop_token& stop, std::size_t max_reply_bytes) {
  grpc::Status status = check_indices(spaces, request);
  if (status.ok()) {
    status = run_init(session, spaces, request.action_space(), std::move(benchmark), stop);
  }
  if (status.ok()) {
    status = run_start_observations(session, spaces, request, reply, stop, max_reply_bytes);
  }
  return status;
}

grpc::Status run_fork(CompilationSession& session, CompilationSession& parent,
                      const std::stop_token& stop) {
  session.setStopToken(stop);
  return guarded([&] { return session.init(&parent); });
}

namespace {

grpc::Status try_step(CompilationSession& session, const ServiceSpaces& spaces,
                      const StepRequest& request, StepReply& reply, const std::stop_token& stop,
                      std::size_t max_reply_bytes, StepOutcome* outcome, int& applied) {
  std::optional<ActionSpace> new_action_space;
  grpc::Status status =
      apply_actions(session, request, reply, new_action_space, stop, applied, outcome);
  if (!status.ok()) {
    return status;
  }
  status = compute_observations(session, spaces, request, reply, stop, max_reply_bytes);
  if (!status.ok()) {
    return status;
  }
  const WireBytes space_before = outcome != nullptr ? wire_bytes(new_action_space) : nullptr;
  bool end_of_session = reply.end_of_session();
  status = guarded([&] {
    return session.endOfStep(reply.action_had_no_effect(), end_of_session, new_action_space);
  });
  if (!status.ok()) {
    return status;
  }
  if (outcome != nullptr) {
    note_end(reply, space_before, end_of_session, new_action_space, *outcome);
  }
  reply.set_end_of_session(end_of_session);
  if (new_action_space.has_value()) {
    *reply.mutable_new_action_space() = *std::move(new_action_space);
  }
  return grpc::Status::OK;
}

}  // namespace

grpc::Status run_step(CompilationSession& session, const ServiceSpaces& spaces,
                      const StepRequest& request, StepReply& reply, const std::stop_token& stop,
                      std::size_t max_reply_bytes, StepOutcome* outcome) {
  session.setStopToken(stop);
  session.setTracesWanted(outcome != nullptr);
  int applied = 0;
  grpc::Status status =
      try_step(session, spaces, request, reply, stop, max_reply_bytes, outcome, applied);
  if (!status.ok()) {
    const bool broken = status.error_code() == grpc::StatusCode::DATA_LOSS;
    return after_actions(status, applied, request.action_size(), !broken);
  }
  return status;
}

grpc::Status after_actions(const grpc::Status& why, int applied, int actions, bool remain) {
  // Clients compare what a wrong request is answered, word for word.
  if (actions <= 1 || why.error_code() == grpc::StatusCode::INVALID_ARGUMENT) {
    return why;
  }
  return {why.error_code(),
          fmt::format("{}; {} of {} actions were applied {}", why.error_message(), applied, actions,
                      remain ? "and remain" : "before"),
          why.error_details()};
}

grpc::Status reply_too_large(std::size_t bytes, std::size_t limit) {
  return resource_exhausted(fmt::format(
      "The reply of {} bytes exceeds the limit of {} (--max_reply_size)", bytes, limit));
}

grpc::Status run_parameters(CompilationSession& session, const SendSessionParameterRequest& request,
                            SendSessionParameterReply& reply, const std::stop_token& stop) {
  session.setStopToken(stop);
  while (reply.reply_size() < request.parameter_size()) {
    const SessionParameter& parameter = request.parameter(reply.reply_size());
    std::optional<std::string> answer;
    const grpc::Status status = guarded(
        [&] { return session.handleSessionParameter(parameter.key(), parameter.value(), answer); });
    if (!status.ok()) {
      return status;
    }
    if (!answer.has_value()) {
      break;
    }
    reply.add_reply(*std::move(answer));
  }
  return grpc::Status::OK;
}

grpc::Status cancelled_before_its_turn() {
  return cancelled("Cancelled while waiting for its turn");
}

grpc::Status session_not_found(std::int64_t id) {
  return not_found(fmt::format("Session not found: {}", id));
}

grpc::Status shutting_down() {
  return unavailable("The service is shutting down");
}

}  // namespace compiler_gym
