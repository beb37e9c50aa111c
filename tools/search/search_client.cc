#include "tools/search/search_client.h"

#include <boost/json/parse.hpp>
#include <utility>

#include "tools/load/service_spaces.h"

namespace compiler_gym {
namespace {

namespace asio = boost::asio;
using namespace std::chrono_literals;

constexpr const char* kApplyPipeline = "llvm.apply_pipeline";

// A session waits for its turn, and one that was lost does again what it had done.
constexpr std::chrono::seconds kTimeToRecover{60};

Result<ProgramVerdict> parse_verdict(const Event& event) {
  Opaque opaque;
  boost::system::error_code error;
  if (!event.any_value().UnpackTo(&opaque)) {
    return data_loss("the verdict of a validation is no Opaque");
  }
  const boost::json::value json = boost::json::parse(opaque.data(), error);
  const boost::json::object* const object = error ? nullptr : json.if_object();
  const boost::json::value* const verdict =
      object != nullptr ? object->if_contains("verdict") : nullptr;
  const boost::json::value* const reason =
      object != nullptr ? object->if_contains("reason") : nullptr;
  if (verdict == nullptr || !verdict->is_string() || reason == nullptr || !reason->is_string()) {
    return data_loss("the verdict of a validation is not understood: " + opaque.data());
  }
  return ProgramVerdict{.verdict = std::string(verdict->as_string()),
                        .reason = std::string(reason->as_string())};
}

}  // namespace

std::string_view to_string(Objective objective) {
  return objective == Objective::kSize ? "size" : "instructions";
}

std::optional<Objective> find_objective(std::string_view name) {
  for (const Objective objective : {Objective::kSize, Objective::kInstructions}) {
    if (to_string(objective) == name) {
      return objective;
    }
  }
  return std::nullopt;
}

SearchClient::SearchClient(CompletionQueuePump& pump, const std::string& target,
                           std::chrono::seconds step_timeout)
    : client_(pump, target), options_{.timeout = step_timeout + kTimeToRecover} {}

asio::awaitable<grpc::Status> SearchClient::async_prepare() {
  Result<GetVersionReply> version = co_await client_.get_version(options_);
  if (!version) {
    co_return version.error();
  }
  version_ = *std::move(version);
  const Result<GetSpacesReply> spaces = co_await client_.get_spaces(options_);
  if (!spaces) {
    co_return spaces.error();
  }
  const std::vector<std::pair<const char*, int*>> wanted{
      {"ShippedTextSizeBytes", &spaces_.size},
      {"ShippedTextSizeOz", &spaces_.size_oz},
      {"IrInstructionCount", &spaces_.instructions},
      {"IrInstructionCountOz", &spaces_.instructions_oz},
      {"Validation", &spaces_.validation}};
  for (const auto& [name, index] : wanted) {
    const Result<int> position = find_observation_space(*spaces, name);
    if (!position) {
      co_return position.error();
    }
    *index = *position;
  }
  co_return grpc::Status::OK;
}

asio::awaitable<grpc::Status> SearchClient::async_add(Benchmark benchmark) {
  AddBenchmarkRequest request;
  *request.add_benchmark() = std::move(benchmark);
  const Result<AddBenchmarkReply> added =
      co_await client_.add_benchmark(std::move(request), options_);
  co_return added ? grpc::Status::OK : added.error();
}

asio::awaitable<Result<std::int64_t>> SearchClient::async_start(std::string benchmark_uri) {
  StartSessionRequest request;
  request.mutable_benchmark()->set_uri(std::move(benchmark_uri));
  const Result<StartSessionReply> reply =
      co_await client_.start_session(std::move(request), options_);
  if (!reply) {
    co_return reply.error();
  }
  co_return reply->session_id();
}

asio::awaitable<Result<std::int64_t>> SearchClient::async_fork(std::int64_t session) {
  ForkSessionRequest request;
  request.set_session_id(session);
  const Result<ForkSessionReply> reply =
      co_await client_.fork_session(std::move(request), options_);
  if (!reply) {
    co_return reply.error();
  }
  co_return reply->session_id();
}

asio::awaitable<void> SearchClient::async_end(std::int64_t session) {
  EndSessionRequest request;
  request.set_session_id(session);
  // Nothing depends on it: what is wrong with the service shows with the next call.
  const Result<EndSessionReply> ended = co_await client_.end_session(std::move(request), options_);
  static_cast<void>(ended);
}

asio::awaitable<grpc::Status> SearchClient::async_apply(std::int64_t session,
                                                        std::vector<std::string> pipelines) {
  if (pipelines.empty()) {
    co_return grpc::Status::OK;
  }
  SendSessionParameterRequest request;
  request.set_session_id(session);
  for (std::string& pipeline : pipelines) {
    SessionParameter& parameter = *request.add_parameter();
    parameter.set_key(kApplyPipeline);
    parameter.set_value(std::move(pipeline));
  }
  const Result<SendSessionParameterReply> reply =
      co_await client_.send_session_parameter(std::move(request), options_);
  co_return reply ? grpc::Status::OK : reply.error();
}

asio::awaitable<Result<Event>> SearchClient::observe(std::int64_t session, int observation_space) {
  StepRequest request;
  request.set_session_id(session);
  request.add_observation_space(observation_space);
  Result<StepReply> reply = co_await client_.step(std::move(request), options_);
  if (!reply) {
    co_return reply.error();
  }
  if (reply->observation_size() != 1) {
    co_return data_loss("asked for 1 observation, got " +
                        std::to_string(reply->observation_size()));
  }
  co_return std::move(*reply->mutable_observation(0));
}

asio::awaitable<Result<std::int64_t>> SearchClient::async_observe(std::int64_t session,
                                                                  int observation_space) {
  const Result<Event> event = co_await observe(session, observation_space);
  if (!event) {
    co_return event.error();
  }
  co_return event->int64_value();
}

asio::awaitable<Result<ProgramVerdict>> SearchClient::async_validate(std::int64_t session) {
  const Result<Event> event = co_await observe(session, spaces_.validation);
  if (!event) {
    co_return event.error();
  }
  co_return parse_verdict(*event);
}

}  // namespace compiler_gym
