#include "tools/load/load_target.h"

#include <algorithm>
#include <boost/filesystem/operations.hpp>
#include <chrono>
#include <utility>

#include "tools/load/call_status.h"
#include "tools/load/service_spaces.h"
#include "tools/support/program_files.h"

namespace compiler_gym {

namespace asio = boost::asio;
using namespace std::chrono_literals;

LoadTarget::LoadTarget(CompletionQueuePump& pump, const LoadOptions& options)
    : pump_(pump),
      options_(options),
      run_id_(boost::filesystem::unique_path("%%%%%%%%%%%%").string()) {}

asio::awaitable<grpc::Status> LoadTarget::connect() {
  for (int i = 0; i < options_.connections; ++i) {
    const auto channel = options_.channel != nullptr
                             ? options_.channel
                             : make_channel(options_.target, options_.credentials);
    clients_.push_back(std::make_unique<ServiceClient>(pump_, channel, options_.credentials.token));
    if (options_.stream) {
      streams_.push_back(
          std::make_unique<StreamClient>(pump_, channel, options_.credentials.token));
    }
  }
  for (const std::unique_ptr<ServiceClient>& client : clients_) {
    // Also makes each connection, which no measured call should have to wait for.
    const CallOptions patience{.timeout = std::min(options_.timeout, 10'000ms),
                               .wait_for_ready = true};
    Result<GetVersionReply> version = co_await client->get_version(patience);
    if (!version) {
      co_return in_context("cannot use the service at '" + options_.target + "'", version.error());
    }
    version_ = *std::move(version);
  }
  co_return grpc::Status::OK;
}

asio::awaitable<grpc::Status> LoadTarget::prepare_sessions(bool validated) {
  const Result<GetSpacesReply> spaces =
      co_await clients_.front()->get_spaces({.timeout = options_.timeout});
  if (!spaces) {
    co_return in_context("GetSpaces", spaces.error());
  }
  if (grpc::Status status = find_spaces(*spaces, validated); !status.ok()) {
    co_return status;
  }
  co_return co_await add_benchmarks(validated);
}

grpc::Status LoadTarget::find_spaces(const GetSpacesReply& spaces, bool validated) {
  if (!options_.action_space.empty()) {
    const Result<int> index = find_action_space(spaces, options_.action_space);
    if (!index) {
      return index.error();
    }
    action_space_ = *index;
  }
  if (options_.actions_per_step > 0) {
    const Result<std::int64_t> count = count_actions(spaces.action_space_list(action_space_));
    if (!count) {
      return count.error();
    }
    action_count_ = *count;
  }
  if (!options_.avoided_actions.empty()) {
    auto drawn = actions_without(spaces.action_space_list(action_space_), options_.avoided_actions);
    if (!drawn) {
      return drawn.error();
    }
    drawn_actions_ = *std::move(drawn);
  }
  for (const std::string& name : options_.observation_spaces) {
    const Result<int> index = find_observation_space(spaces, name);
    if (!index) {
      return index.error();
    }
    observation_spaces_.push_back(*index);
  }
  if (validated) {
    const Result<int> index = find_observation_space(spaces, "Bitcode");
    if (!index) {
      return index.error();
    }
    bitcode_space_ = *index;
    if (auto names = action_names(spaces.action_space_list(action_space_)); names) {
      action_names_ = *std::move(names);
    }
  }
  return grpc::Status::OK;
}

asio::awaitable<grpc::Status> LoadTarget::add_benchmarks(bool validated) {
  benchmark_uris_ = options_.benchmark_uris;
  AddBenchmarkRequest request;
  const auto add = [&](const std::string& name, std::string contents) {
    Benchmark benchmark;
    benchmark.set_uri("benchmark://compiler_gym-load/" + name);
    benchmark.mutable_program()->set_contents(std::move(contents));
    if (options_.dynamic_config.has_build_cmd()) {
      *benchmark.mutable_dynamic_config() = options_.dynamic_config;
    }
    benchmark_uris_.push_back(benchmark.uri());
    if (validated || options_.cold) {
      kept_benchmarks_[benchmark.uri()] = benchmark;
    }
    if (!options_.cold) {
      *request.add_benchmark() = std::move(benchmark);
    }
  };
  for (const boost::filesystem::path& path : options_.benchmark_files) {
    Result<std::string> contents = read_file(path);
    if (!contents) {
      co_return contents.error();
    }
    add(path.filename().string(), *std::move(contents));
  }
  if (benchmark_uris_.empty()) {
    add("few-bytes", "Ir data");
  }
  if (request.benchmark().empty()) {
    co_return grpc::Status::OK;
  }
  const Result<AddBenchmarkReply> added =
      co_await clients_.front()->add_benchmark(std::move(request), {.timeout = options_.timeout});
  co_return added ? grpc::Status::OK : in_context("AddBenchmark", added.error());
}

asio::awaitable<void> LoadTarget::close_streams() {
  for (const std::unique_ptr<StreamClient>& stream : streams_) {
    co_await stream->async_close();
  }
}

std::string LoadTarget::action_name(std::int64_t action) const {
  const auto index = static_cast<std::size_t>(action);
  return index < action_names_.size() ? action_names_[index] : std::to_string(action);
}

std::int64_t LoadTarget::draw_action(SplitMix& random) const {
  if (!drawn_actions_.empty()) {
    return drawn_actions_[random() % drawn_actions_.size()];
  }
  return static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(action_count_));
}

const Benchmark* LoadTarget::kept_benchmark(const std::string& uri) const {
  const auto found = kept_benchmarks_.find(uri);
  return found == kept_benchmarks_.end() ? nullptr : &found->second;
}

std::string LoadTarget::fresh_uri(const std::string& uri) {
  return uri + "/" + run_id_ + "-" + std::to_string(++fresh_uris_);
}

}  // namespace compiler_gym
