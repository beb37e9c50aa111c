#include "tools/demo/program_client.h"

#include <algorithm>
#include <utility>

#include "tools/load/service_spaces.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;

constexpr CallOptions kCallOptions{.timeout = ProgramClient::kTimeout};

}  // namespace

asio::awaitable<Result<DemoSpaces>> find_demo_spaces(ServiceClient& client) {
  const Result<GetSpacesReply> spaces = co_await client.get_spaces(kCallOptions);
  if (!spaces) {
    co_return spaces.error();
  }
  DemoSpaces found;
  Result<std::vector<std::string>> names = action_names(spaces->action_space_list(0));
  if (!names) {
    co_return names.error();
  }
  found.action_names = *std::move(names);
  const std::vector<std::pair<const char*, int*>> wanted{{"ObjectTextSizeBytes", &found.size},
                                                         {"ObjectTextSizeO0", &found.size_o0},
                                                         {"ObjectTextSizeOz", &found.size_oz},
                                                         {"IrSha1", &found.ir_sha1}};
  for (const auto& [name, index] : wanted) {
    const Result<int> position = find_observation_space(*spaces, name);
    if (!position) {
      co_return position.error();
    }
    *index = *position;
  }
  co_return found;
}

ProgramClient::ProgramClient(ServiceClient& client, const DemoSpaces& spaces, DemoCounts& counts,
                             std::string benchmark_uri)
    : client_(client), spaces_(spaces), counts_(counts), benchmark_uri_(std::move(benchmark_uri)) {}

asio::awaitable<Result<Baselines>> ProgramClient::async_baselines() {
  const Result<std::int64_t> session = co_await async_start();
  if (!session) {
    co_return session.error();
  }
  std::vector<int> observation_spaces;
  observation_spaces.push_back(spaces_.size_o0);
  observation_spaces.push_back(spaces_.size_oz);
  const Result<StepReply> reply = co_await step(*session, {}, std::move(observation_spaces));
  co_await async_end(*session);
  if (!reply) {
    co_return reply.error();
  }
  co_return Baselines{.o0 = reply->observation(0).int64_value(),
                      .oz = reply->observation(1).int64_value()};
}

asio::awaitable<Result<std::int64_t>> ProgramClient::async_start() {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri(benchmark_uri_);
  const Result<StartSessionReply> reply =
      co_await client_.start_session(std::move(request), kCallOptions);
  if (!reply) {
    ++counts_.failures;
    co_return reply.error();
  }
  ++counts_.sessions;
  co_return reply->session_id();
}

asio::awaitable<Result<std::int64_t>> ProgramClient::async_fork(std::int64_t session_id) {
  ForkSessionRequest request;
  request.set_session_id(session_id);
  const Result<ForkSessionReply> reply =
      co_await client_.fork_session(std::move(request), kCallOptions);
  if (!reply) {
    ++counts_.failures;
    co_return reply.error();
  }
  ++counts_.sessions;
  ++counts_.forks;
  co_return reply->session_id();
}

asio::awaitable<void> ProgramClient::async_end(std::int64_t session_id) {
  EndSessionRequest request;
  request.set_session_id(session_id);
  const Result<EndSessionReply> reply =
      co_await client_.end_session(std::move(request), kCallOptions);
  counts_.failures += reply ? 0 : 1;
}

asio::awaitable<Result<StepReply>> ProgramClient::step(std::int64_t session_id,
                                                       std::span<const int> actions,
                                                       std::vector<int> observation_spaces) {
  StepRequest request;
  request.set_session_id(session_id);
  for (const int action : actions) {
    request.add_action()->set_int64_value(action);
  }
  request.mutable_observation_space()->Assign(observation_spaces.begin(), observation_spaces.end());
  const auto wanted = static_cast<int>(observation_spaces.size());
  const std::size_t action_count = actions.size();
  Result<StepReply> reply = co_await client_.step(std::move(request), kCallOptions);
  if (!reply) {
    ++counts_.failures;
    co_return reply;
  }
  ++counts_.steps;
  counts_.actions += action_count;
  if (reply->observation_size() != wanted) {
    ++counts_.failures;
    co_return data_loss("asked for " + std::to_string(wanted) + " observations, got " +
                        std::to_string(reply->observation_size()));
  }
  co_return reply;
}

asio::awaitable<Result<std::int64_t>> ProgramClient::async_step(std::int64_t session_id,
                                                                ActionSequence actions) {
  std::vector<int> observation_spaces(1, spaces_.size);
  const Result<StepReply> reply = co_await step(session_id, actions, std::move(observation_spaces));
  if (!reply) {
    co_return reply.error();
  }
  co_return reply->observation(0).int64_value();
}

asio::awaitable<Result<std::int64_t>> ProgramClient::async_measure(ActionSequence actions) {
  const Result<std::int64_t> session = co_await async_start();
  if (!session) {
    co_return session.error();
  }
  Result<std::int64_t> size = co_await async_step(*session, std::move(actions));
  co_await async_end(*session);
  co_return size;
}

asio::awaitable<Result<Fingerprint>> ProgramClient::async_replay(ActionSequence actions,
                                                                 std::size_t actions_per_step) {
  const Result<std::int64_t> session = co_await async_start();
  if (!session) {
    co_return session.error();
  }
  std::vector<int> observation_spaces;
  observation_spaces.push_back(spaces_.size);
  observation_spaces.push_back(spaces_.ir_sha1);
  Result<Fingerprint> fingerprint = Fingerprint();
  std::span<const int> left(actions);
  do {
    const std::span<const int> now = left.first(std::min(actions_per_step, left.size()));
    left = left.subspan(now.size());
    const Result<StepReply> reply = co_await step(*session, now, observation_spaces);
    if (!reply) {
      fingerprint = reply.error();
      break;
    }
    fingerprint = Fingerprint{.size = reply->observation(0).int64_value(),
                              .ir_sha1 = reply->observation(1).string_value()};
  } while (!left.empty());
  co_await async_end(*session);
  co_return fingerprint;
}

}  // namespace compiler_gym
