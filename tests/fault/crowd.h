// Many sessions that step at the same time, and what became of each.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "client/service_client.h"
#include "core/support/status.h"

namespace compiler_gym::testing {

struct CrowdMember {
  std::int64_t session_id = -1;
  std::vector<std::int64_t> actions;     ///< those that were applied
  std::vector<grpc::Status> failures{};  ///< of steps, which then changed nothing
};

/// Sessions of one LLVM service, on one program. A step has one action, so that one that fails has
/// changed nothing.
/// Threads:  on a strand, that of the coroutines.
/// Lifetime: the client and the program outlive it.
class Crowd {
 public:
  Crowd(ServiceClient& client, const std::string& program, std::uint64_t seed);

  /// Starts so many sessions.
  [[nodiscard]] boost::asio::awaitable<grpc::Status> async_start(int size);

  /// Every member does so many steps, all at the same time. `between` is called after every
  /// `interval` steps of the crowd.
  [[nodiscard]] boost::asio::awaitable<void> async_step(
      int steps, int interval, std::function<boost::asio::awaitable<void>()> between);

  /// What differs: each session's IrSha1 from that of a new one in which its actions were done again,
  /// one after another. Ends the sessions.
  [[nodiscard]] boost::asio::awaitable<std::vector<std::string>> async_compare_with_replay();

  [[nodiscard]] const std::vector<CrowdMember>& members() const { return members_; }

  // Sessions on the program that are no members.

  [[nodiscard]] boost::asio::awaitable<Result<std::int64_t>> async_start_session();
  /// The session's IrSha1 after these actions.
  [[nodiscard]] boost::asio::awaitable<Result<std::string>> async_state(
      std::int64_t session_id, std::vector<std::int64_t> actions);
  [[nodiscard]] boost::asio::awaitable<void> async_end_session(std::int64_t session_id);

 private:
  ServiceClient& client_;
  const std::string& program_;
  std::mt19937_64 random_;
  std::vector<CrowdMember> members_;
};

}  // namespace compiler_gym::testing
