// The service as the search uses it: sessions on programs, pipelines run in them, and what that comes to.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "client/service_client.h"
#include "core/support/status.h"

namespace compiler_gym {

/// What is to be small.
enum class Objective {
  kSize,          ///< bytes of code and constants of the object file that clang -Oz makes
  kInstructions,  ///< of the IR
};
/// `size`, `instructions`.
[[nodiscard]] std::string_view to_string(Objective objective);
[[nodiscard]] std::optional<Objective> find_objective(std::string_view name);

/// Indices of the observation spaces that are asked for.
struct SearchSpaces {
  int size = 0;
  int size_oz = 0;
  int instructions = 0;
  int instructions_oz = 0;
  int validation = 0;

  [[nodiscard]] int value(Objective objective) const {
    return objective == Objective::kSize ? size : instructions;
  }
  [[nodiscard]] int baseline(Objective objective) const {
    return objective == Objective::kSize ? size_oz : instructions_oz;
  }
};

/// Whether a program still does what it did, in the service's words.
struct ProgramVerdict {
  std::string verdict;  ///< `validated`, `wrong_output`, ...
  std::string reason;

  [[nodiscard]] bool is_validated() const { return verdict == "validated"; }
};

/// Threads: on one strand.
/// Errors:  the service's statuses; DEADLINE_EXCEEDED, and no step has gone on for longer than
///          `step_timeout`; DATA_LOSS if a pass has crashed.
class SearchClient {
 public:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  /// `step_timeout`: the service's.
  SearchClient(CompletionQueuePump& pump, const std::string& target,
               std::chrono::seconds step_timeout);

  /// Finds the spaces; once, first. NOT_FOUND if the service lacks one.
  [[nodiscard]] Awaitable<grpc::Status> async_prepare();
  [[nodiscard]] const SearchSpaces& spaces() const { return spaces_; }
  [[nodiscard]] const GetVersionReply& version() const { return version_; }

  [[nodiscard]] Awaitable<grpc::Status> async_add(Benchmark benchmark);

  /// Each returns the new session's id; it is the caller's to end.
  [[nodiscard]] Awaitable<Result<std::int64_t>> async_start(std::string benchmark_uri);
  [[nodiscard]] Awaitable<Result<std::int64_t>> async_fork(std::int64_t session);
  [[nodiscard]] Awaitable<void> async_end(std::int64_t session);

  /// Runs the pipelines, one after another.
  [[nodiscard]] Awaitable<grpc::Status> async_apply(std::int64_t session,
                                                    std::vector<std::string> pipelines);

  /// A number.
  [[nodiscard]] Awaitable<Result<std::int64_t>> async_observe(std::int64_t session,
                                                              int observation_space);

  [[nodiscard]] Awaitable<Result<ProgramVerdict>> async_validate(std::int64_t session);

 private:
  [[nodiscard]] Awaitable<Result<Event>> observe(std::int64_t session, int observation_space);

  ServiceClient client_;
  const CallOptions options_;
  SearchSpaces spaces_;
  GetVersionReply version_;
};

}  // namespace compiler_gym
