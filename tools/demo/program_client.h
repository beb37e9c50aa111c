// The service as the demo uses it: sessions on one program, and the size of what it compiles to.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <chrono>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "client/service_client.h"
#include "core/support/status.h"
#include "tools/demo/sequence_search.h"

namespace compiler_gym {

/// Indices of the observation spaces that are asked for.
struct DemoSpaces {
  std::vector<std::string> action_names;
  int size = 0;     ///< ObjectTextSizeBytes
  int size_o0 = 0;  ///< ObjectTextSizeO0
  int size_oz = 0;  ///< ObjectTextSizeOz
  int ir_sha1 = 0;  ///< IrSha1
};

/// Errors: those of GetSpaces; NOT_FOUND if the service lacks one.
[[nodiscard]] boost::asio::awaitable<Result<DemoSpaces>> find_demo_spaces(ServiceClient& client);

/// Of all programs together.
struct DemoCounts {
  std::uint64_t sessions = 0;  ///< started or forked
  std::uint64_t forks = 0;
  std::uint64_t steps = 0;
  std::uint64_t actions = 0;
  std::uint64_t failures = 0;
};

/// The size of a program's object code, in bytes.
struct Baselines {
  std::int64_t o0 = 0;
  std::int64_t oz = 0;
};

/// What a sequence of actions makes of a program.
struct Fingerprint {
  std::int64_t size = 0;
  std::string ir_sha1;

  friend bool operator==(const Fingerprint&, const Fingerprint&) = default;
};

/// Threads:  on one strand.
/// Lifetime: the client, the spaces and the counts outlive it.
/// Errors:   the service's statuses. No call takes longer than kTimeout.
class ProgramClient {
 public:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  static constexpr std::chrono::seconds kTimeout{30};

  ProgramClient(ServiceClient& client, const DemoSpaces& spaces, DemoCounts& counts,
                std::string benchmark_uri);

  [[nodiscard]] Awaitable<Result<Baselines>> async_baselines();

  /// Each returns the new session's id; it is the caller's to end.
  [[nodiscard]] Awaitable<Result<std::int64_t>> async_start();
  [[nodiscard]] Awaitable<Result<std::int64_t>> async_fork(std::int64_t session_id);
  [[nodiscard]] Awaitable<void> async_end(std::int64_t session_id);

  /// The size after the actions.
  [[nodiscard]] Awaitable<Result<std::int64_t>> async_step(std::int64_t session_id,
                                                           ActionSequence actions);

  /// The size after the actions from the start, in a session of its own.
  [[nodiscard]] Awaitable<Result<std::int64_t>> async_measure(ActionSequence actions);

  /// The same actions, in a session of its own, so many in each step.
  [[nodiscard]] Awaitable<Result<Fingerprint>> async_replay(ActionSequence actions,
                                                            std::size_t actions_per_step);

 private:
  [[nodiscard]] Awaitable<Result<StepReply>> step(std::int64_t session_id,
                                                  std::span<const int> actions,
                                                  std::vector<int> observation_spaces);

  ServiceClient& client_;
  const DemoSpaces& spaces_;
  DemoCounts& counts_;
  const std::string benchmark_uri_;
};

}  // namespace compiler_gym
