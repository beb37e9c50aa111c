#include "tests/fault/crowd.h"

#include <fmt/core.h>

#include <array>
#include <chrono>
#include <utility>

#include "core/run_together.h"

namespace compiler_gym::testing {
namespace {

constexpr CallOptions kPatience{.timeout = std::chrono::minutes(2)};
constexpr int kIrSha1 = 1;  // its place among the observation spaces

// Of PassesAll, some that do much to little programs: -adce, -simplifycfg, -dse, -early-cse, -gvn,
// -instcombine, -mem2reg, -sroa.
constexpr std::array<std::int64_t, 8> kActions{1, 10, 26, 30, 39, 53, 103, 111};

}  // namespace

Crowd::Crowd(ServiceClient& client, const std::string& program, std::uint64_t seed)
    : client_(client), program_(program), random_(seed) {}

boost::asio::awaitable<grpc::Status> Crowd::async_start(int size) {
  for (int i = 0; i < size; ++i) {
    const Result<std::int64_t> id = co_await async_start_session();
    if (!id) {
      co_return id.error();
    }
    members_.emplace_back().session_id = *id;
  }
  co_return grpc::Status::OK;
}

boost::asio::awaitable<void> Crowd::async_step(
    int steps, int interval, std::function<boost::asio::awaitable<void>()> between) {
  int done = 0;
  const auto take_steps = [&](int number) -> boost::asio::awaitable<void> {
    CrowdMember& member = members_[static_cast<std::size_t>(number)];
    for (int i = 0; i < steps; ++i) {
      const std::int64_t action = kActions[random_() % kActions.size()];
      StepRequest request;
      request.set_session_id(member.session_id);
      request.add_action()->set_int64_value(action);
      const auto reply = co_await client_.step(std::move(request), kPatience);
      if (reply) {
        member.actions.push_back(action);
      } else {
        member.failures.push_back(reply.error());
        // A sandbox that is stopped or killed between its action and its answer has lost the answer.
        if (reply.error().error_message().find("after its 1 actions") != std::string::npos) {
          member.actions.push_back(action);
        }
      }
      if (++done % interval == 0) {
        co_await between();
      }
    }
  };
  co_await run_together(static_cast<int>(members_.size()), take_steps);
}

boost::asio::awaitable<std::vector<std::string>> Crowd::async_compare_with_replay() {
  std::vector<std::string> differences;
  for (CrowdMember& member : members_) {
    Result<std::string> here = co_await async_state(member.session_id, {});
    if (!here) {  // a sandbox that was stopped after the session's last step shows only now
      member.failures.push_back(here.error());
      here = co_await async_state(member.session_id, {});
    }
    const Result<std::int64_t> replay = co_await async_start_session();
    if (!here || !replay) {
      differences.push_back(fmt::format("session {}: {}", member.session_id,
                                        to_string(here ? replay.error() : here.error())));
      continue;
    }
    const Result<std::string> there = co_await async_state(*replay, member.actions);
    if (!there || *here != *there) {
      differences.push_back(fmt::format("session {} after {} actions: {} here, {} in a replay",
                                        member.session_id, member.actions.size(), *here,
                                        there ? *there : to_string(there.error())));
    }
    co_await async_end_session(*replay);
    co_await async_end_session(member.session_id);
  }
  co_return differences;
}

boost::asio::awaitable<Result<std::int64_t>> Crowd::async_start_session() {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri("benchmark://crowd/program");
  request.mutable_benchmark()->mutable_program()->set_contents(program_);
  const auto reply = co_await client_.start_session(std::move(request), kPatience);
  if (!reply) {
    co_return reply.error();
  }
  co_return reply->session_id();
}

boost::asio::awaitable<void> Crowd::async_end_session(std::int64_t session_id) {
  EndSessionRequest request;
  request.set_session_id(session_id);
  co_await client_.end_session(std::move(request), kPatience);
}

boost::asio::awaitable<Result<std::string>> Crowd::async_state(std::int64_t session_id,
                                                               std::vector<std::int64_t> actions) {
  StepRequest request;
  request.set_session_id(session_id);
  for (const std::int64_t action : actions) {
    request.add_action()->set_int64_value(action);
  }
  request.add_observation_space(kIrSha1);
  const auto reply = co_await client_.step(std::move(request), kPatience);
  if (!reply) {
    co_return reply.error();
  }
  co_return reply->observation(0).string_value();
}

}  // namespace compiler_gym::testing
