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

// No request takes longer, unless it hangs.
constexpr CallOptions kPatience{.timeout = std::chrono::minutes(2)};
constexpr CallOptions kCleanUp{.timeout = std::chrono::seconds(30)};

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

}  // namespace

SequenceRunner::SequenceRunner(ServiceClient& client, const ServiceFacts& facts,
                               const std::vector<std::string>& programs, Outcomes& outcomes)
    : client_(client), facts_(facts), programs_(programs), outcomes_(outcomes) {}

boost::asio::awaitable<std::optional<std::string>> SequenceRunner::async_run(Sequence sequence) {
  violation_.reset();
  int lanes = 0;
  for (const Operation& operation : sequence) {
    lanes = std::max(lanes, operation.lane + 1);
  }
  lanes_.assign(static_cast<std::size_t>(lanes), Lane());
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
    switch (operation.kind) {
      case Kind::kStart:
        co_await start(operation, state);
        break;
      case Kind::kFork:
        co_await fork(operation, state);
        break;
      case Kind::kStep:
        co_await step(operation, state);
        break;
      case Kind::kParameter:
        co_await set_parameter(operation, state);
        break;
      case Kind::kEnd:
        co_await end(operation, state);
        break;
    }
  }
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
  const auto reply = co_await client_.start_session(std::move(request), kPatience);
  const grpc::Status status = status_of(reply);
  count(status);
  if (!indices_right) {
    expect(status.error_code() == Code::INVALID_ARGUMENT, operation, status,
           "an index out of range is INVALID_ARGUMENT");
  } else if (operation.mutation == 0) {
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
  session.known = operation.mutation == 0;
}

SequenceRunner::Awaitable<void> SequenceRunner::fork(const Operation& operation, Lane& lane) {
  const Session* const parent = find(lane, operation.from);
  ForkSessionRequest request;
  request.set_session_id(id_of(parent, operation));
  const auto reply = co_await client_.fork_session(std::move(request), kPatience);
  const grpc::Status status = status_of(reply);
  count(status);
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
  CallOptions options = kPatience;
  if (operation.timeout_ms.has_value()) {
    options.timeout = std::chrono::milliseconds(*operation.timeout_ms);
  }
  const auto began = std::chrono::steady_clock::now();
  const auto reply = co_await client_.step(std::move(request), options);
  const grpc::Status status = status_of(reply);
  count(status);
  if (std::chrono::steady_clock::now() - began >= *kPatience.timeout) {
    fail(fmt::format("{}: hung", to_string(operation)));
    co_return;
  }
  const bool given_up =
      operation.timeout_ms.has_value() &&
      (status.error_code() == Code::DEADLINE_EXCEEDED || status.error_code() == Code::CANCELLED);
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
  const auto reply = co_await client_.send_session_parameter(std::move(request), kPatience);
  const grpc::Status status = status_of(reply);
  count(status);
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
  expect(status.ok() || status.error_code() == Code::INVALID_ARGUMENT, operation, status,
         "a parameter is taken or refused");
  if (reply) {
    expect(reply->reply_size() == 1, operation, status, "one reply to one parameter");
  }
}

SequenceRunner::Awaitable<void> SequenceRunner::end(const Operation& operation, Lane& lane) {
  const std::int64_t id = id_of(find(lane, operation.slot), operation);
  std::erase(lane.open, id);
  lane.slots.erase(operation.slot);
  EndSessionRequest request;
  request.set_session_id(id);
  const grpc::Status status =
      status_of(co_await client_.end_session(std::move(request), kPatience));
  count(status);
  expect(status.ok(), operation, status, "EndSession is OK, whether the session exists or not");
}

// ------------------------------------------------------------------------------ when all is done

SequenceRunner::Awaitable<void> SequenceRunner::compare_with_replay(Session session) {
  const auto replay = co_await client_.start_session(
      start_request(session.program, 0, session.action_space), kPatience);
  if (!replay) {
    fail("a replay cannot start: " + to_string(replay.error()));
    co_return;
  }
  lanes_.front().open.push_back(replay->session_id());
  const auto here = co_await fingerprint(session.id, {});
  const auto there = co_await fingerprint(replay->session_id(), session.actions);
  if (here.has_value() && there.has_value() && *here != *there) {
    fail(fmt::format("session {} on program {} after {} actions is {}, its replay {}", session.id,
                     session.program, session.actions.size(), *here, *there));
  }
  ++outcomes_.replays;
}

// Nothing, and a violation, if it cannot be had.
SequenceRunner::Awaitable<std::optional<std::string>> SequenceRunner::fingerprint(
    std::int64_t session_id, const std::vector<std::int64_t>& actions) {
  StepRequest request;
  request.set_session_id(session_id);
  for (const std::int64_t action : actions) {
    request.add_action()->set_int64_value(action);
  }
  request.add_observation_space(static_cast<std::int32_t>(*facts_.fingerprint));
  const auto reply = co_await client_.step(std::move(request), kPatience);
  if (!reply) {
    fail(fmt::format("session {}: its state cannot be had: {}", session_id,
                     to_string(reply.error())));
    co_return std::nullopt;
  }
  co_return reply->observation(0).string_value();
}

SequenceRunner::Awaitable<void> SequenceRunner::end_all() {
  int remaining = 0;
  for (Lane& lane : lanes_) {
    for (const std::int64_t id : lane.open) {
      EndSessionRequest request;
      request.set_session_id(id);
      const auto reply = co_await client_.end_session(std::move(request), kCleanUp);
      if (!reply) {
        fail(fmt::format("session {} cannot be ended: {}", id, to_string(reply.error())));
        co_return;
      }
      remaining = reply->remaining_sessions();
    }
  }
  if (remaining != 0) {
    fail(fmt::format("{} sessions remain when all are ended", remaining));
  }
}

// ----------------------------------------------------------------------------------------- pieces

SequenceRunner::Session* SequenceRunner::find(Lane& lane, int slot) {
  const auto found = lane.slots.find(slot);
  return found == lane.slots.end() ? nullptr : &found->second;
}

std::int64_t SequenceRunner::id_of(const Session* session, const Operation& operation) {
  return session == nullptr ? unknown_id(operation) : session->id;
}

StartSessionRequest SequenceRunner::start_request(int program, std::uint64_t mutation,
                                                  std::int64_t action_space) const {
  const std::string& bitcode = programs_[static_cast<std::size_t>(program) % programs_.size()];
  StartSessionRequest request;
  request.set_action_space(static_cast<std::int32_t>(action_space));
  Benchmark& benchmark = *request.mutable_benchmark();
  benchmark.set_uri(fmt::format("benchmark://fuzz/{}/{}", program, mutation));
  benchmark.mutable_program()->set_contents(mutation == 0 ? bitcode
                                                          : mutate_bitcode(bitcode, mutation));
  return request;
}

void SequenceRunner::count(const grpc::Status& status) {
  ++outcomes_.by_code[to_string(status.error_code())];
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
