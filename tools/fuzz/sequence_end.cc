// What has to be true when all requests of a sequence are answered.
#include <fmt/core.h>

#include "tools/fuzz/sequence_runner.h"

namespace compiler_gym::fuzz {

using compiler_gym::to_string;  // that of statuses, beside that of operations

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
      const auto reply = co_await client_.end_session(std::move(request), kPatience);
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

}  // namespace compiler_gym::fuzz
