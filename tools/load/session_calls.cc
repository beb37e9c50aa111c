#include "tools/load/session_calls.h"

#include <utility>

#include "tools/load/call_status.h"

namespace compiler_gym {

namespace asio = boost::asio;

asio::awaitable<grpc::Status> SessionCalls::perform(SessionSlot& slot, Operation operation,
                                                    CallStart due) {
  if (!slot.session) {  // lost by an earlier failure
    const grpc::Status status = co_await start(slot, due.from_now());
    if (!status.ok()) {
      co_return status;
    }
  }
  if (operation == Operation::kStep) {
    co_return co_await step(slot, due);
  }
  if (operation == Operation::kFork) {
    co_return co_await fork(slot, due);
  }
  SessionSlot::Session before = *std::exchange(slot.session, std::nullopt);
  if (operation == Operation::kStart) {
    const grpc::Status status = co_await start(slot, due);
    const grpc::Status ended = co_await retire(slot, std::move(before), due.from_now());
    co_return status.ok() ? ended : status;
  }
  const grpc::Status ended = co_await retire(slot, std::move(before), due);
  const grpc::Status status = co_await start(slot, due.from_now());
  co_return status.ok() ? ended : status;
}

asio::awaitable<Result<StepReply>> SessionCalls::send_step(SessionSlot& slot, StepRequest request) {
  if (slot.stream != nullptr) {
    co_return co_await slot.stream->step(std::move(request));
  }
  co_return co_await slot.client->step(std::move(request), call_options_);
}

StepRequest SessionCalls::step_request(SessionSlot& slot) {
  StepRequest request;
  request.set_session_id(slot.session->id);
  for (int i = 0; i < options_.actions_per_step; ++i) {
    const std::int64_t action = target_.draw_action(slot.random);
    request.add_action()->set_int64_value(action);
    if (is_validated(slot)) {
      slot.session->actions.push_back(action);
    }
  }
  return request;
}

asio::awaitable<grpc::Status> SessionCalls::step(SessionSlot& slot, CallStart due) {
  StepRequest request = step_request(slot);
  const std::vector<int>& observations = target_.observation_spaces();
  request.mutable_observation_space()->Assign(observations.begin(), observations.end());
  const Result<StepReply> reply = co_await send_step(slot, std::move(request));
  const grpc::Status status = reply ? grpc::Status::OK : reply.error();
  measurement_.record(Rpc::kStep, due, status);
  if (!leaves_session_usable(status)) {
    // A best effort: the session may well be gone already.
    co_await end(slot, std::exchange(slot.session, std::nullopt)->id, due.from_now());
  } else if (reply && reply->end_of_session()) {
    co_await retire(slot, *std::exchange(slot.session, std::nullopt), due.from_now());
  } else if (++slot.session->steps == options_.episode) {
    co_await retire(slot, *std::exchange(slot.session, std::nullopt), due.from_now());
    co_await start(slot, due.from_now());
  }
  co_return status;
}

asio::awaitable<grpc::Status> SessionCalls::fork(SessionSlot& slot, CallStart due) {
  ForkSessionRequest request;
  request.set_session_id(slot.session->id);
  const Result<ForkSessionReply> reply =
      co_await slot.client->fork_session(std::move(request), call_options_);
  const grpc::Status status = reply ? grpc::Status::OK : reply.error();
  measurement_.record(Rpc::kForkSession, due, status);
  if (!status.ok()) {
    co_return status;
  }
  SessionSlot::Session child = *slot.session;
  child.id = reply->session_id();
  SessionSlot::Session parent = *std::exchange(slot.session, std::move(child));
  co_return co_await retire(slot, std::move(parent), due.from_now());
}

asio::awaitable<grpc::Status> SessionCalls::start(SessionSlot& slot, CallStart due) {
  StartSessionRequest request;
  if (options_.cold) {
    *request.mutable_benchmark() = *slot.kept;
    request.mutable_benchmark()->set_uri(target_.fresh_uri(slot.benchmark_uri));
  } else {
    request.mutable_benchmark()->set_uri(slot.benchmark_uri);
  }
  request.set_action_space(target_.action_space());
  const Result<StartSessionReply> reply =
      co_await slot.client->start_session(std::move(request), call_options_);
  const grpc::Status status = reply ? grpc::Status::OK : reply.error();
  measurement_.record(Rpc::kStartSession, due, status);
  if (!reply) {
    co_return in_context("StartSession", status);
  }
  slot.session = SessionSlot::Session{reply->session_id()};
  co_return co_await warm_up(slot, due);
}

asio::awaitable<grpc::Status> SessionCalls::warm_up(SessionSlot& slot, CallStart due) {
  for (int i = 0; i < options_.warm_steps; ++i) {
    const CallStart began = due.from_now();
    StepRequest request = step_request(slot);
    const Result<StepReply> reply = co_await send_step(slot, std::move(request));
    if (!reply) {
      measurement_.record(Rpc::kStep, began, reply.error());
      co_await end(slot, std::exchange(slot.session, std::nullopt)->id, due.from_now());
      co_return in_context("Step", reply.error());
    }
  }
  co_return grpc::Status::OK;
}

asio::awaitable<grpc::Status> SessionCalls::retire(SessionSlot& slot, SessionSlot::Session session,
                                                   CallStart due) {
  const std::int64_t session_id = session.id;
  if (is_validated(slot)) {
    co_await validate(slot, std::move(session));
    due = due.from_now();
  }
  co_return co_await end(slot, session_id, due);
}

asio::awaitable<void> SessionCalls::validate(const SessionSlot& slot,
                                             SessionSlot::Session session) {
  StepRequest request;
  request.set_session_id(session.id);
  request.add_observation_space(target_.bitcode_space());
  Result<StepReply> reply = co_await slot.client->step(std::move(request), call_options_);
  Validation validation;
  if (!reply) {
    validation.reason = in_context("Step", reply.error()).error_message();
  } else if (reply->observation_size() != 1) {
    validation.reason = "the service did not answer with the observation 'Bitcode'";
  } else {
    std::string& bitcode = *reply->mutable_observation(0)->mutable_byte_tensor()->mutable_value();
    validation = co_await validator_(*slot.kept, std::move(bitcode));
  }
  std::vector<std::string> actions;
  for (const std::int64_t action : session.actions) {
    actions.push_back(target_.action_name(action));
  }
  measurement_.result().validations[slot.benchmark_uri].record(std::move(validation),
                                                               std::move(actions));
}

asio::awaitable<grpc::Status> SessionCalls::end(SessionSlot& slot, std::int64_t session_id,
                                                CallStart due) {
  EndSessionRequest request;
  request.set_session_id(session_id);
  const Result<EndSessionReply> reply =
      co_await slot.client->end_session(std::move(request), call_options_);
  const grpc::Status status = reply ? grpc::Status::OK : reply.error();
  measurement_.record(Rpc::kEndSession, due, status);
  co_return status;
}

}  // namespace compiler_gym
