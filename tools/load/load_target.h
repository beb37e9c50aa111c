// The service that load is put on: connections to it, and what is asked of it.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "client/service_client.h"
#include "client/stream_client.h"
#include "core/completion_queue_pump.h"
#include "core/support/status.h"
#include "proto/compiler_gym_service.pb.h"
#include "tools/load/load_options.h"
#include "tools/load/split_mix.h"

namespace compiler_gym {

/// Threads:  one at a time.
/// Lifetime: refers to the pump and to the options.
class LoadTarget {
 public:
  LoadTarget(CompletionQueuePump& pump, const LoadOptions& options);
  LoadTarget(const LoadTarget&) = delete;
  LoadTarget& operator=(const LoadTarget&) = delete;

  /// Connects, and sees to it that the service is there. Once, first.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> connect();

  /// Finds the spaces that the options name, and adds the benchmarks that they bring along. Once, if
  /// there are to be sessions. `validated`: sessions on those benchmarks are validated.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> prepare_sessions(bool validated);

  /// Ends the streams; if one broke, the steps on it have said so.
  [[nodiscard]] boost::asio::awaitable<void> close_streams();

  [[nodiscard]] const GetVersionReply& version() const { return version_; }
  [[nodiscard]] std::size_t connections() const { return clients_.size(); }
  [[nodiscard]] ServiceClient& client(std::size_t connection) { return *clients_[connection]; }
  /// Null if steps don't go through one.
  [[nodiscard]] StreamClient* stream(std::size_t connection) {
    return streams_.empty() ? nullptr : streams_[connection].get();
  }

  [[nodiscard]] int action_space() const { return action_space_; }
  /// One of the actions that are not avoided. There must be some: actions are asked for.
  [[nodiscard]] std::int64_t draw_action(SplitMix& random) const;
  [[nodiscard]] const std::vector<int>& observation_spaces() const { return observation_spaces_; }
  /// Of the observation that validation needs.
  [[nodiscard]] int bitcode_space() const { return bitcode_space_; }
  /// The action's name, or its number if it has none.
  [[nodiscard]] std::string action_name(std::int64_t action) const;

  [[nodiscard]] const std::vector<std::string>& benchmark_uris() const { return benchmark_uris_; }
  /// What sessions on it start from; null if it is the service's own, or if sessions are neither cold
  /// nor validated.
  [[nodiscard]] const Benchmark* kept_benchmark(const std::string& uri) const;
  /// A URI that the service has not seen, for a copy of the benchmark.
  [[nodiscard]] std::string fresh_uri(const std::string& uri);

 private:
  [[nodiscard]] grpc::Status find_spaces(const GetSpacesReply& spaces, bool validated);
  [[nodiscard]] boost::asio::awaitable<grpc::Status> add_benchmarks(bool validated);

  CompletionQueuePump& pump_;
  const LoadOptions& options_;
  GetVersionReply version_;
  std::vector<std::unique_ptr<ServiceClient>> clients_;
  std::vector<std::unique_ptr<StreamClient>> streams_;  // as many as clients, or none
  int action_space_ = 0;
  std::int64_t action_count_ = 0;
  std::vector<std::int64_t> drawn_actions_;  // if some are avoided: the others
  std::vector<std::string> action_names_;    // if needed and there are any
  std::vector<int> observation_spaces_;
  int bitcode_space_ = 0;
  std::vector<std::string> benchmark_uris_;
  std::map<std::string, Benchmark> kept_benchmarks_;  // by URI
  const std::string run_id_;                          // what no other run has
  std::uint64_t fresh_uris_ = 0;
};

}  // namespace compiler_gym
