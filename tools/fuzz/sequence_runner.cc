#include "tools/fuzz/sequence_runner.h"

#include <fmt/core.h>

#include <algorithm>
#include <chrono>
#include <utility>

#include "core/run_together.h"
#include "tools/fuzz/bitcode_mutator.h"

namespace compiler_gym::fuzz {

using compiler_gym::to_string;  // that of statuses, beside that of operations

namespace {

using Code = grpc::StatusCode;
using Kind = Operation::Kind;

template <typename Reply>
grpc::Status status_of(const Result<Reply>& result) {
  return result ? grpc::Status::OK : result.error();
}

// A number that no service gets to.
std::int64_t unknown_id(const Operation& operation) {
  return 1'000'000'000'000 + operation.slot;
}

bool in_range(std::int64_t index, std::int64_t count) {
  return index >= 0 && index < count;
}

// The compiler did not survive, and the service says so.
bool is_compiler_failure(const grpc::Status& status) {
  return status.error_code() == Code::DATA_LOSS || status.error_code() == Code::DEADLINE_EXCEEDED;
}

// It asks a session for nothing.
bool is_empty(const Operation& operation) {
  return operation.kind == Kind::kStep && operation.actions.empty() &&
         operation.observations.empty();
}

bool is_given_up(const Operation& operation, const grpc::Status& status) {
  return operation.timeout_ms.has_value() &&
         (status.error_code() == Code::DEADLINE_EXCEEDED || status.error_code() == Code::CANCELLED);
}

}  // namespace

SequenceRunner::SequenceRunner(ServiceClient& client, LaneTransport::MakeStream make_stream,
                               const ServiceFacts& facts, const Programs& programs,
                               Outcomes& outcomes)
    : client_(client),
      make_stream_(std::move(make_stream)),
      facts_(facts),
      programs_(programs),
      outcomes_(outcomes) {}

boost::asio::awaitable<std::optional<std::string>> SequenceRunner::async_run(Sequence sequence) {
  violation_.reset();
  int lanes = 0;
  for (const Operation& operation : sequence) {
    lanes = std::max(lanes, operation.lane + 1);
  }
  lanes_.clear();
  for (int lane = 0; lane < lanes; ++lane) {
    lanes_.push_back({LaneTransport(client_, make_stream_)});
  }
  const auto run_one = [&](int lane) { return run_lane(sequence, lane); };
  co_await run_together(lanes, run_one);
  for (const Lane& lane : lanes_) {
    for (const auto& [slot, session] : lane.slots) {
      if (session.known && facts_.fingerprint.has_value() && !violation_.has_value()) {
        co_await compare_with_replay(session);
      }
    }
  }
  if (!violation_.has_value()) {
    co_await end_all();
  }
  co_return violation_;
}

SequenceRunner::Awaitable<void> SequenceRunner::run_lane(const Sequence& sequence, int lane) {
  Lane& state = lanes_[static_cast<std::size_t>(lane)];
  for (const Operation& operation : sequence) {
    if (operation.lane != lane) {
      continue;
    }
    if (violation_.has_value()) {
      co_return;
    }
    co_await run(operation, state);
  }
  const grpc::Status closed = co_await state.transport.async_close();
  if (!closed.ok()) {
    fail(fmt::format("the stream of lane {} ended with {}", lane, to_string(closed)));
  }
}

SequenceRunner::Awaitable<void> SequenceRunner::run(const Operation& operation, Lane& lane) {
  switch (operation.kind) {
    case Kind::kStart:
      co_await start(operation, lane);
      break;
    case Kind::kFork:
      co_await fork(operation, lane);
      break;
    case Kind::kStep:
      co_await step(operation, lane);
      break;
    case Kind::kParameter:
      co_await set_parameter(operation, lane);
      break;
    case Kind::kEnd:
      co_await end(operation, lane);
      break;
    case Kind::kStream:
      lane.transport.open_stream();
      break;
  }
}

template <typename Rpc>
SequenceRunner::Awaitable<std::optional<Result<typename Rpc::Reply>>> SequenceRunner::ask(
    const Operation& operation, Lane& lane, typename Rpc::Request request, bool exists) {
  CallOptions options = kPatience;
  if (operation.timeout_ms.has_value()) {
    options.timeout = std::chrono::milliseconds(*operation.timeout_ms);
  }
  const auto began = std::chrono::steady_clock::now();
  auto reply = co_await lane.transport.call<Rpc>(std::move(request), operation.pad, options);
  const grpc::Status status = status_of(reply);
  ++outcomes_.requests;
  ++outcomes_.by_code[to_string(status.error_code())];
  if (status.ok() && exists && !is_empty(operation)) {
    ++outcomes_.served;
  }
  if (std::chrono::steady_clock::now() - began >= *kPatience.timeout) {
    fail(fmt::format("{}: hung", to_string(operation)));
  }
  if (operation.pad <= (operation.kind == Kind::kEnd ? kMaxSmallRequestBytes : kMaxMessageBytes)) {
    co_return std::move(reply);
  }
  expect(status.error_code() == Code::RESOURCE_EXHAUSTED || is_given_up(operation, status),
         operation, status, "what is too large is refused");
  if (operation.pad > kMaxMessageBytes && lane.transport.has_stream()) {
    lane.transport.open_stream();  // it has cost the old one
  }
  co_return std::nullopt;
}

// -------------------------------------------------------------------------------------- requests

SequenceRunner::Awaitable<void> SequenceRunner::start(const Operation& operation, Lane& lane) {
  const auto spaces = static_cast<std::int64_t>(facts_.action_counts.size());
  bool indices_right = in_range(operation.action_space, spaces);
  StartSessionRequest request =
      start_request(operation.program, operation.mutation, operation.action_space);
  for (const std::int64_t index : operation.observations) {
    request.add_observation_space(static_cast<std::int32_t>(index));
    indices_right &= in_range(index, facts_.observation_count);
  }
  const auto answer = co_await ask<rpc::StartSession>(operation, lane, std::move(request), true);
  if (!answer.has_value()) {
    co_return;
  }
  const auto& reply = *answer;
  const grpc::Status status = status_of(reply);
  if (!indices_right) {
    expect(status.error_code() == Code::INVALID_ARGUMENT, operation, status,
           "an index out of range is INVALID_ARGUMENT");
  } else if (is_good(operation)) {
    expect(status.ok(), operation, status, "a session starts on a good program");
  } else {
    expect(
        status.ok() || status.error_code() == Code::INVALID_ARGUMENT || is_compiler_failure(status),
        operation, status, "bad bitcode is INVALID_ARGUMENT or DATA_LOSS");
  }
  if (!reply) {
    co_return;
  }
  expect(reply->observation_size() == static_cast<int>(operation.observations.size()), operation,
         status, fmt::format("{} observations came", reply->observation_size()));
  lane.open.push_back(reply->session_id());
  Session& session = lane.slots[operation.slot];
  session.id = reply->session_id();
  session.program = operation.program;
  session.action_space = operation.action_space;
  session.actions.clear();
  session.known = is_good(operation);
}

SequenceRunner::Awaitable<void> SequenceRunner::fork(const Operation& operation, Lane& lane) {
  const Session* const parent = find(lane, operation.from);
  ForkSessionRequest request;
  request.set_session_id(id_of(parent, operation));
  const auto answer =
      co_await ask<rpc::ForkSession>(operation, lane, std::move(request), parent != nullptr);
  if (!answer.has_value()) {
    co_return;
  }
  const auto& reply = *answer;
  const grpc::Status status = status_of(reply);
  if (parent == nullptr) {
    expect_unknown(operation, status);
    co_return;
  }
  expect(status.ok() || (!parent->known && is_compiler_failure(status)), operation, status,
         "a session that works can be forked");
  if (reply) {
    lane.open.push_back(reply->session_id());
    Session child = *parent;
    child.id = reply->session_id();
    lane.slots[operation.slot] = std::move(child);
  }
}

SequenceRunner::Awaitable<void> SequenceRunner::step(const Operation& operation, Lane& lane) {
  Session* const found = find(lane, operation.slot);
  StepRequest request;
  request.set_session_id(id_of(found, operation));
  for (const std::int64_t action : operation.actions) {
    request.add_action()->set_int64_value(action);
  }
  for (const std::int64_t index : operation.observations) {
    request.add_observation_space(static_cast<std::int32_t>(index));
  }
  const auto answer =
      co_await ask<rpc::Step>(operation, lane, std::move(request), found != nullptr);
  if (!answer.has_value()) {
    co_return;
  }
  const auto& reply = *answer;
  const grpc::Status status = status_of(reply);
  const bool given_up = is_given_up(operation, status);
  if (found == nullptr) {
    if (!given_up) {
      expect_unknown(operation, status);
    }
    co_return;
  }
  Session& session = *found;
  if (given_up || is_compiler_failure(status)) {
    session.known = false;
    co_return;
  }
  if (!session.known) {
    expect(status.ok() || status.error_code() == Code::INVALID_ARGUMENT, operation, status,
           "even on bad bitcode a step is answered");
    co_return;
  }
  const std::int64_t actions = facts_.action_counts[static_cast<std::size_t>(session.action_space)];
  const auto bad = std::ranges::find_if_not(
      operation.actions, [&](std::int64_t action) { return in_range(action, actions); });
  session.actions.insert(session.actions.end(), operation.actions.begin(), bad);
  const bool right = bad == operation.actions.end() &&
                     std::ranges::all_of(operation.observations, [&](std::int64_t index) {
                       return in_range(index, facts_.observation_count);
                     });
  if (right) {
    expect(status.ok(), operation, status, "a good step works");
  } else {
    expect(status.error_code() == Code::INVALID_ARGUMENT, operation, status,
           "an action or an observation out of range is INVALID_ARGUMENT");
  }
  if (reply) {
    expect(reply->observation_size() == static_cast<int>(operation.observations.size()), operation,
           status, fmt::format("{} observations came", reply->observation_size()));
  }
}

SequenceRunner::Awaitable<void> SequenceRunner::set_parameter(const Operation& operation,
                                                              Lane& lane) {
  const Session* const session = find(lane, operation.slot);
  SendSessionParameterRequest request;
  request.set_session_id(id_of(session, operation));
  SessionParameter& parameter = *request.add_parameter();
  parameter.set_key(operation.key);
  parameter.set_value(operation.value);
  const auto answer = co_await ask<rpc::SendSessionParameter>(operation, lane, std::move(request),
                                                              session != nullptr);
  if (!answer.has_value()) {
    co_return;
  }
  const auto& reply = *answer;
  const grpc::Status status = status_of(reply);
  if (session == nullptr) {
    expect_unknown(operation, status);
    co_return;
  }
  if (operation.key.starts_with("no.")) {
    expect(status.error_code() == Code::INVALID_ARGUMENT &&
               status.error_message() == "Unknown parameter: " + operation.key,
           operation, status, "an unknown key is INVALID_ARGUMENT and named");
    co_return;
  }
  expect(status.ok() || status.error_code() == Code::INVALID_ARGUMENT ||
             (!session->known && is_compiler_failure(status)),
         operation, status, "a parameter is taken or refused");
  if (reply) {
    expect(reply->reply_size() == 1, operation, status, "one reply to one parameter");
  }
}

SequenceRunner::Awaitable<void> SequenceRunner::end(const Operation& operation, Lane& lane) {
  const Session* const session = find(lane, operation.slot);
  const std::int64_t id = id_of(session, operation);
  EndSessionRequest request;
  request.set_session_id(id);
  const auto answer =
      co_await ask<rpc::EndSession>(operation, lane, std::move(request), session != nullptr);
  if (!answer.has_value()) {
    co_return;
  }
  std::erase(lane.open, id);
  lane.slots.erase(operation.slot);
  const grpc::Status status = status_of(*answer);
  expect(status.ok(), operation, status, "EndSession is OK, whether the session exists or not");
}

// ----------------------------------------------------------------------------------------- pieces

SequenceRunner::Session* SequenceRunner::find(Lane& lane, int slot) {
  const auto found = lane.slots.find(slot);
  return found == lane.slots.end() ? nullptr : &found->second;
}

std::int64_t SequenceRunner::id_of(const Session* session, const Operation& operation) {
  return session == nullptr ? unknown_id(operation) : session->id;
}

bool SequenceRunner::is_good(const Operation& operation) const {
  return operation.mutation == 0 &&
         static_cast<std::size_t>(operation.program) < programs_.good.size();
}

StartSessionRequest SequenceRunner::start_request(int program, std::uint64_t mutation,
                                                  std::int64_t action_space) const {
  const auto number = static_cast<std::size_t>(program);
  const std::size_t good = programs_.good.size();
  const std::string& bitcode =
      number < good ? programs_.good[number]
                    : programs_.foreign.at((number - good) % programs_.foreign.size());
  StartSessionRequest request;
  request.set_action_space(static_cast<std::int32_t>(action_space));
  Benchmark& benchmark = *request.mutable_benchmark();
  benchmark.set_uri(fmt::format("benchmark://fuzz/{}/{}", program, mutation));
  benchmark.mutable_program()->set_contents(mutation == 0 ? bitcode
                                                          : mutate_bitcode(bitcode, mutation));
  return request;
}

void SequenceRunner::expect(bool right, const Operation& operation, const grpc::Status& status,
                            const std::string& rule) {
  if (!right) {
    fail(fmt::format("{}: {}, but: {}", to_string(operation), rule, to_string(status)));
  }
}

void SequenceRunner::expect_unknown(const Operation& operation, const grpc::Status& status) {
  const std::string text = fmt::format("Session not found: {}", unknown_id(operation));
  expect(status.error_code() == Code::NOT_FOUND && status.error_message() == text, operation,
         status, "there is no such session");
}

void SequenceRunner::fail(std::string text) {
  if (!violation_.has_value()) {
    violation_ = std::move(text);
  }
}

}  // namespace compiler_gym::fuzz
