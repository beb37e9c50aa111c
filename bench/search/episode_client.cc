#include "bench/search/episode_client.h"

#include <utility>

#include "tools/load/service_spaces.h"

namespace compiler_gym {
namespace {

constexpr CallOptions kCallOptions{.timeout = std::chrono::minutes(1)};
constexpr auto* kProgram = "benchmark://search/program";

}  // namespace

boost::asio::awaitable<grpc::Status> EpisodeClient::async_prepare(std::string bitcode,
                                                                  bool sees_features) {
  const Result<GetSpacesReply> spaces = co_await client_.get_spaces(kCallOptions);
  if (!spaces) {
    co_return spaces.error();
  }
  const Result<std::vector<std::string>> names = action_names(spaces->action_space_list(0));
  if (!names) {
    co_return names.error();
  }
  for (std::size_t i = 0; i < names->size(); ++i) {
    if ((*names)[i] != "-attributor") {
      actions_.push_back(static_cast<int>(i));
    }
  }
  std::vector<std::string> wanted{"IrInstructionCount"};
  if (sees_features) {
    wanted.emplace_back("Autophase");
  }
  for (const std::string& name : wanted) {
    const Result<int> space = find_observation_space(*spaces, name);
    if (!space) {
      co_return space.error();
    }
    observation_spaces_.push_back(*space);
  }
  AddBenchmarkRequest request;
  Benchmark& benchmark = *request.add_benchmark();
  benchmark.set_uri(kProgram);
  benchmark.mutable_program()->set_contents(std::move(bitcode));
  const Result<AddBenchmarkReply> added =
      co_await client_.add_benchmark(std::move(request), kCallOptions);
  co_return added ? grpc::Status::OK : added.error();
}

Result<ProgramView> EpisodeClient::view_of(
    const google::protobuf::RepeatedPtrField<Event>& observations) const {
  if (observations.size() != static_cast<int>(observation_spaces_.size())) {
    return internal_error("The service answers other observations than it was asked for");
  }
  ProgramView view{.instructions = observations[0].int64_value()};
  if (observations.size() > 1) {
    const auto& values = observations[1].int64_tensor().value();
    view.autophase.assign(values.begin(), values.end());
  }
  return view;
}

boost::asio::awaitable<Result<EpisodeClient::Started>> EpisodeClient::async_start() {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri(kProgram);
  request.mutable_observation_space()->Add(observation_spaces_.begin(), observation_spaces_.end());
  const Result<StartSessionReply> reply =
      co_await client_.start_session(std::move(request), kCallOptions);
  if (!reply) {
    co_return reply.error();
  }
  Result<ProgramView> view = view_of(reply->observation());
  if (!view) {
    co_return view.error();
  }
  co_return Started{.session = reply->session_id(), .view = *std::move(view)};
}

boost::asio::awaitable<Result<ProgramView>> EpisodeClient::async_step(std::int64_t session,
                                                                      int action) {
  StepRequest request;
  request.set_session_id(session);
  request.add_action()->set_int64_value(action);
  request.mutable_observation_space()->Add(observation_spaces_.begin(), observation_spaces_.end());
  const Result<StepReply> reply = co_await client_.step(std::move(request), kCallOptions);
  ++steps_;
  if (!reply) {
    co_return reply.error();
  }
  co_return view_of(reply->observation());
}

boost::asio::awaitable<Result<std::int64_t>> EpisodeClient::async_fork(std::int64_t session) {
  ForkSessionRequest request;
  request.set_session_id(session);
  const Result<ForkSessionReply> reply =
      co_await client_.fork_session(std::move(request), kCallOptions);
  if (!reply) {
    co_return reply.error();
  }
  co_return reply->session_id();
}

boost::asio::awaitable<void> EpisodeClient::async_end(std::int64_t session) {
  EndSessionRequest request;
  request.set_session_id(session);
  co_await client_.end_session(std::move(request), kCallOptions);
}

boost::asio::awaitable<Result<std::uint64_t>> EpisodeClient::async_figure(std::string parameter) {
  const Result<Started> started = co_await async_start();
  if (!started) {
    co_return started.error();
  }
  SendSessionParameterRequest request;
  request.set_session_id(started->session);
  request.add_parameter()->set_key(std::move(parameter));
  const Result<SendSessionParameterReply> reply =
      co_await client_.send_session_parameter(std::move(request), kCallOptions);
  co_await async_end(started->session);
  if (!reply) {
    co_return reply.error();
  }
  co_return std::stoull(reply->reply(0));
}

}  // namespace compiler_gym
