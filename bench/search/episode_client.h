// The service as a search uses it: sessions on one program, one action at a time.
#pragma once

#include <boost/asio/awaitable.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "client/service_client.h"
#include "core/support/status.h"

namespace compiler_gym {

/// What a program is after some actions.
struct ProgramView {
  std::int64_t instructions = 0;          ///< IrInstructionCount
  std::vector<std::int64_t> autophase{};  ///< if it was asked for
};

/// Threads:  on one strand; any number of sessions at a time.
/// Errors:   the service's statuses. No call takes longer than a minute.
class EpisodeClient {
 public:
  template <typename T>
  using Awaitable = boost::asio::awaitable<T>;

  EpisodeClient(CompletionQueuePump& pump, const std::string& target) : client_(pump, target) {}

  /// Asks for the spaces and sends the program.
  [[nodiscard]] Awaitable<grpc::Status> async_prepare(std::string bitcode, bool sees_features);

  /// The actions that a search chooses from, by their index: all but those that take seconds.
  [[nodiscard]] const std::vector<int>& actions() const { return actions_; }

  struct Started {
    std::int64_t session = 0;
    ProgramView view{};
  };
  [[nodiscard]] Awaitable<Result<Started>> async_start();
  [[nodiscard]] Awaitable<Result<ProgramView>> async_step(std::int64_t session, int action);
  [[nodiscard]] Awaitable<Result<std::int64_t>> async_fork(std::int64_t session);
  [[nodiscard]] Awaitable<void> async_end(std::int64_t session);
  /// Of the service.
  [[nodiscard]] Awaitable<Result<std::uint64_t>> async_figure(std::string parameter);

  /// Steps that were answered so far.
  [[nodiscard]] std::uint64_t steps() const { return steps_; }

 private:
  [[nodiscard]] Result<ProgramView> view_of(
      const google::protobuf::RepeatedPtrField<Event>& observations) const;

  ServiceClient client_;
  std::vector<int> actions_;
  std::vector<int> observation_spaces_;
  std::uint64_t steps_ = 0;
};

}  // namespace compiler_gym
